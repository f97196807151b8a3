"""One SR training run from a checked configuration: prepares, trains, scores, saves."""

from pathlib import Path
from typing import Any

import torch

from pretrain.methods import Method, Positives, build_method
from shared.artefacts import save_encoder
from shared.command import to_plain
from shared.data import ImageStore, Planner, describe_training_images, open_images, read_fingerprints, source_size
from shared.degradations import Space, load_space
from shared.run_folders import RunFolder
from shared.training.progress import RunProgress, SpeedMonitor
from shared.training.session import PreparedRun, describe_inputs, run_session
from sr.conditioning.sources import EncoderSource
from sr.model import ModelConfig, SRModel, build_model
from sr.model_artefact import save_model
from sr.training.card import format_encoder_card, format_model_card
from sr.training.config import SRConfig
from sr.training.module import JointModel, SRTraining
from sr.training.monitoring import SRLog
from sr.training.validation import ValidationSet, build_validation, format_scores, score_bicubic, score_model

DEFAULT_SPACES = {2: "dasr_iso_x2", 3: "dasr_iso_x3", 4: "dasr_iso"}


def run(config: SRConfig, recipe: str) -> int:
    """Trains, resumes, or reports that the run is finished; returns the exit status.

    Args:
        config: The checked options.
        recipe: Name of the recipe.

    Raises:
        ValueError: Data, encoder and options do not fit; raised before training starts, with one sentence.
    """
    stored = RunFolder(config.runs_dir, "sr", config.name).load_config().get("conditioning")
    earlier: dict[str, Any] = stored if isinstance(stored, dict) else {}
    if earlier.get("name") != config.conditioning.name:
        earlier = {}
    config.conditioning.choose_encoder(config.runs_dir, earlier)
    config.fit_time_constants(earlier)
    return run_session(config, "sr", "model", lambda folder: prepare(config, recipe, folder))


def prepare(config: SRConfig, recipe: str, folder: Path) -> PreparedRun:
    """Builds everything that a run in a folder needs."""
    module, held_out, space = build(config)
    images = build_validation(space, held_out, config.validation_size)
    speed = SpeedMonitor(config.micro_batch_size // (config.devices * config.nodes) * module.planner.views)
    weights = sum(p.numel() for p in module.ema_source.network.parameters())
    sizes, method = module.planner.sizes, module.trained.method
    constants = "" if method is None else method.describe_time_constants(config.pace)
    return PreparedRun(
        module=module,
        callbacks=[speed, SRLog(speed, images), RunProgress(module.planner.views)],
        inputs=describe_inputs(space, module.planner.store, held_out),
        finish=lambda seconds: _finish(config, recipe, folder, module, images, space, seconds),
        summary=[
            ("network", f"{config.network.name} x{config.scale}, {weights / 1e6:.2f} M parameters"),
            ("condition", config.conditioning.describe()),
            ("images", f"{len(module.planner.store)} to train on, {len(held_out)} held out"),
            ("patches", f"LR {sizes[0].patch} px of space {space.name}, {config.batch_size} degradations a step"),
            *([("target", constants)] if constants else []),
        ],
        warnings=[] if method is None else method.describe_misfits(config.pace),
    )


def build(config: SRConfig) -> tuple[SRTraining, ImageStore, Space]:
    """Builds the module that is trained, the held-out images and the degradation space, as a function of the options.

    Raises:
        ValueError: Options do not fit each other, or the images are too small.
    """
    config.fit_time_constants()
    space = load_space(config.degradation or DEFAULT_SPACES[config.scale])
    if space.scale != config.scale:
        raise ValueError(
            f"degradation={space.name} down-samples by {space.scale}, but scale={config.scale}: use a space of that "
            f"scale, such as {DEFAULT_SPACES[config.scale]}"
        )
    views = config.view_config
    sizes = views.sizes()
    source_side = source_size(sizes[0].patch, space.scale, space.margin())
    encoder, encoder_config = config.conditioning.open_encoder(config.scale)
    training, held_out = open_images(config.data, source_side)
    planner = Planner(training, space, sizes, views.sources(), batch_size=config.micro_batch_size, seed=config.seed)
    torch.manual_seed(config.seed)
    model = build_model(
        ModelConfig(
            scale=config.scale,
            network=config.network.name,
            network_options=config.network,
            conditioning=config.conditioning.name,
            encoder=encoder_config,
            encoder_input=config.conditioning.encoder_input(config.scale, sizes[0].patch),
            **config.conditioning.model_options(),
        ),
        encoder,
    )
    method = _build_contrastive_method(config, model, planner)
    trained = JointModel(model, method)
    if config.channels_last:
        trained = trained.to(memory_format=torch.channels_last)
    if config.compile:
        model.network.compile()
    module = SRTraining(trained, planner, config)
    if model.source is not None:
        model.source.fit(module)
    if isinstance(model.source, EncoderSource):
        model.source.has_fixed_norm = getattr(config.conditioning, "fixed_norm", False)
    module.train()  # a loaded encoder is in evaluation mode
    return module, held_out, space


def _build_contrastive_method(config: SRConfig, model: SRModel, planner: Planner) -> Method | None:
    options = config.conditioning
    if model.source is None or not options.trains_by_contrast:
        return None
    encoder: Any = model.source.contrastive_encoder(model.network)
    method = build_method(options.method.name, encoder, Positives(options.positives), options.method)
    method.check(tuple(size.patch for size in planner.sizes), config.micro_batch_size)
    method.check_source(config.scale, planner.margin)
    return method


def _finish(
    config: SRConfig,
    recipe: str,
    folder: Path,
    module: SRTraining,
    images: ValidationSet,
    space: Space,
    seconds: float,
) -> tuple[dict[str, Any], str]:
    """Scores and saves the model, and its encoder if it was trained; returns the metrics and the text to print."""
    model = module.export_module
    model_scores = score_model(model, images, bf16=config.precision == "bf16", device=module.device)
    bicubic_scores = score_bicubic(images, config.scale)
    rows = {config.name: model_scores, "bicubic": bicubic_scores}
    table = format_scores(rows, images.names)
    scores = {name: one.to_dict() for name, one in rows.items()} | {"degradations": images.names}
    run_metadata = {
        "recipe": recipe,
        "config": to_plain(config),
        "degradation": space.name,
        "train_seconds": seconds,
    } | describe_training_images(module.planner.store)
    model_metadata = run_metadata | {"scores": scores}
    earlier = config.conditioning.encoder_metadata()
    if earlier:
        model_metadata["encoder"] = earlier
    text = f"model: {folder / 'model'}"
    encoder = model.source.trained_encoder() if model.source is not None else None
    if encoder is not None:
        save_encoder(
            folder / "encoder",
            encoder,
            card=format_encoder_card(config, recipe, degradation=space.name),
            metadata=run_metadata
            | {
                "patch": module.planner.sizes[0].patch,
                "scale": 1 if model.config.encoder_input.upsampling > 1 else space.scale,
                "training_image_hashes": " ".join(sorted(read_fingerprints(run_metadata) | read_fingerprints(earlier))),
            },
            projector=getattr(module.trained.method, "projector", None),
        )
        text = f"{text}\nencoder: {folder / 'encoder'}"
    card = format_model_card(
        config,
        recipe,
        table,
        training_images=len(module.planner.store),
        degradation=space.name,
        seen="" if model.source is None else model.source.describe(),
    )
    save_model(folder / "model", model, card=card, metadata=model_metadata)
    heading = (
        f"{len(images.image_names)} held-out images, central crops of at most {config.validation_size} px, "
        f"space {space.name}:"
    )
    psnr = {"psnr_y": model_scores.psnr.tolist(), "bicubic": bicubic_scores.psnr.tolist()}
    per_image = {"images": list(images.image_names)} | psnr
    return {"scores": scores, "per_image": per_image}, f"\n{heading}\n\n{table}\n\n{text}"
