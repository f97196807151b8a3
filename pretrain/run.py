"""One pretraining run from a checked configuration: prepare, train, score, save."""

import hashlib
import json
import time
from contextlib import nullcontext
from pathlib import Path

import pytorch_lightning as pl
import torch

from pretrain.background_figures import BackgroundFigures
from pretrain.card import model_card
from pretrain.config import PretrainConfig
from pretrain.methods import build_method
from pretrain.module import Pretraining
from pretrain.monitoring import PretrainLog
from pretrain.positives import Positives
from shared.checkpoints import save_encoder
from shared.config import to_plain
from shared.degradations import Space, load_space
from shared.encoders import build_encoder
from shared.image_cache import checksum
from shared.probe import ProbeSet, build_probe, score_network, score_statistics
from shared.probe_scores import ProbeScores, score_table
from shared.runs import RunFolder, check_free_space
from shared.sampling import Planner, source_size
from shared.sources import ImageStore, open_images
from shared.training.fit import build_trainer, check_devices, checkpoint_step, fit, is_first_process, quiet_libraries
from shared.training.progress import Bar, Speed

DRY_RUN_STEPS = 2


def run(config: PretrainConfig, recipe: str) -> int:
    """Train, or go on, or say that it is done; returns the exit status.

    Raises:
        ValueError: something does not fit, in one sentence, before training starts.
    """
    quiet_libraries()
    folder = RunFolder(config.runs_dir, "pretrain", config.name)
    check_devices(config)
    if config.dry_run:
        folder.check(to_plain(config))
        return _dry_run(config)
    first = is_first_process()  # of a distributed run: it keeps the folder; all refuse or leave together
    with folder.locked() if first else nullcontext():
        folder.check(to_plain(config))
        if folder.finished:
            if first:
                artefact = folder.path / "encoder"
                print(f"{folder.path} is finished: its encoder is {artefact}; give another name= for a new run")
            return 0
        return _train(config, recipe, folder)


def build(config: PretrainConfig) -> tuple[Pretraining, ImageStore, Space]:
    """Everything that is trained and what it is trained on, the same from the same seed; also the held-out images."""
    space = load_space(config.degradation)
    sizes = config.views.sizes()
    largest = source_size(sizes[0].patch, space.scale, space.margin())
    training, held_out = open_images(config.data, largest)
    planner = Planner(
        training, space, sizes, config.views.sources(), batch_size=config.micro_batch_size, seed=config.seed
    )
    torch.manual_seed(config.seed)
    encoder = build_encoder(config.encoder)
    method = build_method(config.method_name, encoder, Positives(config.positives), config.method)
    method.check(tuple(size.patch for size in sizes), config.micro_batch_size)
    if config.channels_last:
        method = method.to(memory_format=torch.channels_last)
    if config.compile:
        for network in (getattr(method, "encoder", None), getattr(method, "target_encoder", None)):
            if network is not None:
                network.compile()
    return Pretraining(method, planner, config), held_out, space


def _train(config: PretrainConfig, recipe: str, folder: RunFolder) -> int:
    module, held_out, space = build(config)
    checkpoints = 1 if folder.checkpoint.exists() else 2  # the old one stays until the new one is whole
    check_free_space(folder.path, checkpoints * checkpoint_bytes(module))
    resumed = checkpoint_step(folder.checkpoint)
    probe = build_probe(space, held_out, config.views.sizes()[0].patch)
    if is_first_process():
        folder.claim(to_plain(config) | {"inputs": inputs_of(space, module.planner.store, held_out)})
    speed = Speed(config.micro_batch_size // (config.devices * config.nodes) * module.planner.views)
    figures = BackgroundFigures(folder.path, space)
    callbacks: list[pl.Callback] = [speed, PretrainLog(speed, probe), figures, Bar(module.planner.views)]
    trainer = build_trainer(config, folder.path, callbacks, resumed_step=resumed)
    if resumed and trainer.is_global_zero:
        print(f"{folder.path}: going on from step {resumed} of {config.steps}")
    if not fit(trainer, module, folder.checkpoint):
        print(f"stopped at step {trainer.global_step}; the same command goes on from the last checkpoint")
        return 130
    if trainer.is_global_zero:
        seconds = module.train_seconds
        module.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU
        _finish(config, recipe, folder, module, probe, seconds)
    return 0


def _finish(
    config: PretrainConfig,
    recipe: str,
    folder: RunFolder,
    module: Pretraining,
    probe: ProbeSet,
    seconds: float,
) -> None:
    """Score, save the artefact, print the table."""
    scores = compare_with_controls(config, module, probe)
    artefact = folder.path / "encoder"
    metadata = {
        "recipe": recipe, "config": to_plain(config), "degradation": config.degradation,
        "training_images": len(module.planner.store), "train_seconds": round(seconds, 1),
        "scores": {name: one.to_dict() for name, one in scores.items()},
    }  # fmt: skip
    card = model_card(config, recipe, scores, training_images=len(module.planner.store))
    projector = getattr(module.trained, "projector", None)
    save_encoder(artefact, module.result, card=card, metadata=metadata, projector=projector)
    folder.finish({"scores": metadata["scores"], "train_seconds": metadata["train_seconds"], "steps": config.steps})
    print(f"\nHeld-out images, space {config.degradation}:\n\n{score_table(scores)}\n\nencoder: {artefact}")


def compare_with_controls(config: PretrainConfig, module: Pretraining, probe: ProbeSet) -> dict[str, ProbeScores]:
    """Scores of the trained encoder, of the same network at its start, and of hand-made statistics."""
    bf16 = config.precision == "bf16"
    torch.manual_seed(config.seed)
    untrained = build_encoder(config.encoder).to(module.device)
    start = "ImageNet weights" if config.encoder.pretrained else "untrained"
    return {
        "trained": score_network(module.result, probe, bf16=bf16),
        start: score_network(untrained, probe, bf16=bf16),
        "statistics": score_statistics(probe),
    }


def inputs_of(space: Space, training: ImageStore, held_out: ImageStore) -> dict[str, object]:
    """What a resumed run must find unchanged beside its configuration: the space's text and the images' pixels."""
    return {"space": space.written, "training_images": _summary(training), "held_out_images": _summary(held_out)}


def _summary(store: ImageStore) -> str:
    pixels = checksum(store.file) if store.file else 0
    described = json.dumps([store.names, store.heights.tolist(), store.widths.tolist(), pixels])
    return f"{len(store)} images, {hashlib.sha256(described.encode()).hexdigest()[:12]}"


def checkpoint_bytes(module: Pretraining) -> int:
    """Size of `last.ckpt`: weights and buffers once, two moments per trained weight."""
    stored = sum(t.numel() * t.element_size() for t in module.state_dict().values())
    trained = sum(p.numel() * p.element_size() for p in module.parameters() if p.requires_grad)
    return stored + 2 * trained


def _dry_run(config: PretrainConfig) -> int:
    """Two real steps, then what the full run will cost."""
    steps = config.steps
    config.steps = DRY_RUN_STEPS
    module, held_out, space = build(config)
    check_free_space(Path(config.runs_dir), 2 * checkpoint_bytes(module))
    build_probe(space, held_out, config.views.sizes()[0].patch)
    times: list[float] = []
    trainer = build_trainer(config, None, [_StepTimes(times)])
    if not fit(trainer, module, None):
        return 130
    if not is_first_process():
        return 0
    per_step = times[-1]
    rows = [
        (
            "network",
            f"{config.encoder.name}, {sum(p.numel() for p in module.averaged.parameters()) / 1e6:.1f} M parameters",
        ),
        ("images", f"{len(module.planner.store)} to train on, {len(held_out)} held out"),
        ("views", f"{config.views.crops} of space {space.name}, {config.batch_size} degradations a step"),
        ("step", f"{per_step:.2f} s (the second of two)"),
        ("full run", f"{steps} steps, about {per_step * steps / 60:.0f} min on this machine, then the scores"),
        (
            "checkpoint",
            f"{checkpoint_bytes(module) / 1e6:.0f} MB in {Path(config.runs_dir) / 'pretrain' / config.name}",
        ),
    ]
    print("dry run: everything fits\n" + "\n".join(f"  {name:12s}{text}" for name, text in rows))
    return 0


class _StepTimes(pl.Callback):
    def __init__(self, times: list[float]) -> None:
        self.times = times
        self._start = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self._start = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.times.append(time.perf_counter() - self._start)
