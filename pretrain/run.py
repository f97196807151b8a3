"""One pretraining run from a checked configuration: prepare, train, score, save."""

from pathlib import Path
from typing import Any

import torch

from pretrain.background_figures import BackgroundFigures
from pretrain.card import model_card
from pretrain.config import PretrainConfig
from pretrain.methods import build_method
from pretrain.module import Pretraining
from pretrain.monitoring import PretrainLog
from pretrain.positives import Positives
from shared.artefacts import save_encoder
from shared.command import to_plain
from shared.data import ImageStore, Planner, describe_training_images, open_images, source_size
from shared.degradations import Space, load_space
from shared.encoders import build_encoder
from shared.probing.probe_set import ProbeSet, build_probe, score_network, score_statistics
from shared.probing.scores import ProbeScores, score_table
from shared.training.progress import ProgressBar, SpeedMonitor
from shared.training.session import PreparedRun, describe_inputs, run_session


def run(config: PretrainConfig, recipe: str) -> int:
    """Train, or go on, or say that it is done; returns the exit status.

    Raises:
        ValueError: something does not fit, in one sentence, before training starts.
    """
    return run_session(config, "pretrain", "encoder", lambda folder: prepare(config, recipe, folder))


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


def prepare(config: PretrainConfig, recipe: str, folder: Path) -> PreparedRun:
    """Builds a run in a folder."""
    module, held_out, space = build(config)
    probe = build_probe(space, held_out, config.views.sizes()[0].patch)
    speed = SpeedMonitor(config.micro_batch_size // (config.devices * config.nodes) * module.planner.views)
    parameters = sum(p.numel() for p in module.ema_source.parameters())
    return PreparedRun(
        module=module,
        callbacks=[
            speed,
            PretrainLog(speed, probe),
            BackgroundFigures(folder, space),
            ProgressBar(module.planner.views),
        ],
        inputs=describe_inputs(space, module.planner.store, held_out),
        finish=lambda seconds: _finish(config, recipe, folder / "encoder", module, probe, seconds),
        summary=[
            ("network", f"{config.encoder.name}, {parameters / 1e6:.1f} M parameters"),
            ("images", f"{len(module.planner.store)} to train on, {len(held_out)} held out"),
            ("views", f"{config.views.crops} of space {space.name}, {config.batch_size} degradations a step"),
        ],
    )


def _finish(
    config: PretrainConfig, recipe: str, artefact: Path, module: Pretraining, probe: ProbeSet, seconds: float
) -> tuple[dict[str, Any], str]:
    """Score, save the artefact; the metrics and the table."""
    scores = compare_with_controls(config, module, probe)
    plain_scores = {name: one.to_dict() for name, one in scores.items()}
    metadata = {
        "recipe": recipe, "config": to_plain(config), "degradation": config.degradation,
        "patch": module.planner.sizes[0].patch, "train_seconds": seconds, "scores": plain_scores,
    } | describe_training_images(module.planner.store)  # fmt: skip
    card = model_card(config, recipe, scores, training_images=len(module.planner.store))
    projector = getattr(module.trained, "projector", None)
    save_encoder(artefact, module.export_module, card=card, metadata=metadata, projector=projector)
    text = f"\nHeld-out images, space {config.degradation}:\n\n{score_table(scores)}\n\nencoder: {artefact}"
    return {"scores": plain_scores}, text


def compare_with_controls(config: PretrainConfig, module: Pretraining, probe: ProbeSet) -> dict[str, ProbeScores]:
    """Scores of the trained encoder, of the same network at its start, and of hand-made statistics."""
    bf16 = config.precision == "bf16"
    torch.manual_seed(config.seed)
    untrained = build_encoder(config.encoder).to(module.device)
    start = "ImageNet weights" if config.encoder.pretrained else "untrained"
    return {
        "trained": score_network(module.export_module, probe, bf16=bf16),
        start: score_network(untrained, probe, bf16=bf16),
        "statistics": score_statistics(probe),
    }
