"""One pretraining run from a checked configuration: prepares, trains, scores, saves."""

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
from shared.artefacts import EncoderArtefact, save_encoder
from shared.command import to_plain
from shared.data import ImageStore, Planner, describe_training_images, open_images, source_size
from shared.degradations import Space, load_space
from shared.encoders import build_encoder
from shared.probing import (
    EmbeddingScores,
    NetworkScorer,
    build_run_probe,
    image_sums_to_json,
    score_table,
    scores_to_json,
)
from shared.readings import SAMPLES_FILE, embed_samples, select_for_samples
from shared.run_folders import RunFolder
from shared.training.progress import RunProgress, SpeedMonitor
from shared.training.session import PreparedRun, describe_inputs, run_session


def run(config: PretrainConfig, recipe: str) -> int:
    """Trains, resumes, or reports that the run is finished; returns the exit status.

    Raises:
        ValueError: The configuration does not fit the data or the machine; raised before training starts.
    """
    config.fit_time_constants(RunFolder(config.runs_dir, "pretrain", config.name).load_config())
    return run_session(config, "pretrain", "encoder", lambda folder: prepare(config, recipe, folder))


def build(config: PretrainConfig) -> tuple[Pretraining, ImageStore, Space]:
    """Builds the network and its training plan from the seed; also returns the held-out images and the space."""
    config.fit_time_constants()
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
    method.check_source(space.scale, planner.margin)
    if config.channels_last:
        method = method.to(memory_format=torch.channels_last)
    if config.compile:
        for network in (getattr(method, "encoder", None), getattr(method, "target_encoder", None)):
            if network is not None:
                network.compile()
    return Pretraining(method, planner, config), held_out, space


def prepare(config: PretrainConfig, recipe: str, folder: Path) -> PreparedRun:
    """Prepares a run in a folder."""
    module, held_out, space = build(config)
    photographs = [select_for_samples(store) for store in (module.planner.store, held_out)] if config.readings else []
    scorer = NetworkScorer(build_run_probe(space, held_out, config.views.sizes()[0].patch))
    speed = SpeedMonitor(config.micro_batch_size // (config.devices * config.nodes) * module.planner.views)
    parameters = sum(p.numel() for p in module.ema_source.parameters())
    constants = module.trained.describe_time_constants(config.pace)
    return PreparedRun(
        module=module,
        callbacks=[
            speed,
            PretrainLog(speed, scorer),
            BackgroundFigures(folder, space),
            RunProgress(module.planner.views),
        ],
        inputs=describe_inputs(space, module.planner.store, held_out),
        finish=lambda seconds: _finish(config, recipe, folder / "encoder", module, scorer, photographs, seconds),
        summary=[
            ("network", f"{config.encoder.name}, {parameters / 1e6:.1f} M parameters"),
            ("images", f"{len(module.planner.store)} to train on, {len(held_out)} held out"),
            ("views", f"{config.views.crops} of space {space.name}, {config.batch_size} degradations per step"),
            *([("target", constants)] if constants else []),
        ],
        warnings=module.trained.describe_misfits(config.pace),
    )


def _finish(
    config: PretrainConfig,
    recipe: str,
    artefact: Path,
    module: Pretraining,
    scorer: NetworkScorer,
    photographs: list[ImageStore],
    seconds: float,
) -> tuple[dict[str, Any], str]:
    """Scores the encoder and saves its artefact, with samples for readings; returns the metrics and the table."""
    scores = compare_with_controls(config, module, scorer)
    plain_scores = {name: scores_to_json(row) for name, row in scores.items()}
    metadata = {
        "recipe": recipe,
        "config": to_plain(config),
        "degradation": config.degradation,
        "scale": module.planner.space.scale,
        "patch": module.planner.sizes[0].patch,
        "train_seconds": seconds,
        "scores": plain_scores,
    } | describe_training_images(module.planner.store)
    card = model_card(config, recipe, scores, training_images=len(module.planner.store))
    projector = getattr(module.trained, "projector", None)
    save_encoder(artefact, module.export_module, card=card, metadata=metadata, projector=projector)
    if config.readings:
        bf16, name = config.precision == "bf16", config.name
        samples = embed_samples(module.export_module, *photographs, bf16=bf16, name=name, count=config.readings)
        samples.save(artefact / SAMPLES_FILE, EncoderArtefact.open(artefact).digest)
    text = f"\nHeld-out images, space {config.degradation}:\n\n{score_table(scores)}\n\nencoder: {artefact}"
    return {"scores": plain_scores, "per_image": image_sums_to_json(scores, scorer.probe)}, text


def compare_with_controls(
    config: PretrainConfig, module: Pretraining, scorer: NetworkScorer
) -> dict[str, EmbeddingScores]:
    """Scores the trained encoder, the same network at its initialisation, and hand-made statistics."""
    bf16 = config.precision == "bf16"
    torch.manual_seed(config.seed)
    untrained = build_encoder(config.encoder).to(module.device)
    start = "ImageNet weights" if config.encoder.pretrained else "untrained"
    return {
        "trained": scorer.score(module.export_module, bf16=bf16),
        start: scorer.score(untrained, bf16=bf16),
        "statistics": scorer.score_statistics(),
    }
