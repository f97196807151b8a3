"""One SR training run from a checked configuration: prepare, train, score, save."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pretrain.methods import Method, Positives, build_method
from shared.checkpoints import encoder_config, encoder_metadata, load_encoder, save_encoder
from shared.config import to_plain
from shared.degradations import Space, load_space
from shared.encoders import Encoder, EncoderConfig
from shared.runs import RunFolder, newest_run
from shared.sampling import Planner, source_size
from shared.seen_images import seen_by, training_images
from shared.sources import ImageStore, open_images
from shared.training.progress import Bar, Speed
from shared.training.session import Prepared, inputs_of, run_session
from sr.card import encoder_card, model_card
from sr.conditioning import OF_AN_ENCODER, EncoderSource
from sr.config import SRConfig
from sr.model import ModelConfig, SRModel, build_model, save_model
from sr.module import SRTraining, Trained, contrasted_encoder
from sr.monitoring import SRLog
from sr.validation import ValidationSet, build_validation, restored_table, score_bicubic, score_model

SPACE_OF_SCALE = {2: "dasr_iso_x2", 3: "dasr_iso_x3", 4: "dasr_iso"}
UNTRAINED = ("joint", "random", "constant")  # may take an encoder by its name


def run(config: SRConfig, recipe: str) -> int:
    """Train, or go on, or say that it is done; returns the exit status.

    Raises:
        ValueError: something does not fit, in one sentence, before training starts.
    """
    config.encoder = encoder_choice(config)
    return run_session(config, "sr", "model", lambda folder: prepare(config, recipe, folder))


def encoder_choice(config: SRConfig) -> str:
    """The encoder's path or name with nothing left open; a run that goes on keeps the one it was started with.

    Raises:
        ValueError: there is none, or a trained one is wanted and a name is given.
    """
    if config.conditioning not in (*OF_AN_ENCODER, "constant"):
        return config.encoder
    if not config.encoder and config.conditioning == "joint":
        return "dasr"
    stored = RunFolder(config.runs_dir, "sr", config.name).stored()
    of_same = stored.get("conditioning") == config.conditioning
    encoder = config.encoder or (str(stored.get("encoder", "")) if of_same else "")
    if not encoder:
        newest = newest_run(config.runs_dir, "pretrain")
        if newest is None:
            raise ValueError(
                f"there is no finished encoder in {config.runs_dir}/pretrain: `make pretrain` makes one; or give "
                "encoder=PATH, or conditioning=joint, which needs none"
            )
        return str(newest)
    if _is_name(encoder) and config.conditioning not in UNTRAINED:
        raise ValueError(
            f"encoder={encoder}: no such folder; conditioning={config.conditioning} takes a trained "
            "encoder, the path of a finished `make pretrain` run"
        )
    if not _is_name(encoder) and (config.encoder_input != "rgb" or not config.encoder_downsample):
        raise ValueError(
            f"encoder={encoder} is a trained encoder and has its own input and strides: leave out encoder_input and "
            "encoder_downsample"
        )
    return encoder


def _is_name(encoder: str) -> bool:
    return "/" not in encoder and not Path(encoder).exists()


def prepare(config: SRConfig, recipe: str, folder: Path) -> Prepared:
    """Builds a run in a folder."""
    module, held_out, space = build(config)
    images = build_validation(space, held_out, config.validation_size)
    speed = Speed(config.micro_batch_size // (config.devices * config.nodes) * module.planner.views)
    of_network = sum(p.numel() for p in module.averaged.network.parameters())
    sizes = module.planner.sizes
    return Prepared(
        module=module,
        callbacks=[speed, SRLog(speed, images), Bar(module.planner.views)],
        inputs=inputs_of(space, module.planner.store, held_out),
        finish=lambda seconds: _finish(config, recipe, folder, module, images, space, seconds),
        described=[
            ("network", f"{config.network.name} x{config.scale}, {of_network / 1e6:.2f} M parameters"),
            ("condition", _condition(config)),
            ("images", f"{len(module.planner.store)} to train on, {len(held_out)} held out"),
            ("patches", f"LR {sizes[0].patch} px of space {space.name}, {config.batch_size} degradations a step"),
        ],
    )


def _condition(config: SRConfig) -> str:
    return "none" if config.conditioning == "none" else f"{config.conditioning}, fused by {config.fusion.name}"


def build(config: SRConfig) -> tuple[SRTraining, ImageStore, Space]:
    """Everything that is trained and what it is trained on, the same from the same seed; also the held-out images."""
    space = load_space(config.degradation or SPACE_OF_SCALE[config.scale])
    if space.scale != config.scale:
        raise ValueError(
            f"degradation={space.name} down-samples by {space.scale}, but scale={config.scale}: for that scale there "
            f"is {SPACE_OF_SCALE[config.scale]}"
        )
    views = config.view_config
    sizes = views.sizes()
    largest = source_size(sizes[0].patch, space.scale, space.margin())
    encoder, how = encoder_of(config)
    training, held_out = open_images(config.data, largest)
    planner = Planner(training, space, sizes, views.sources(), batch_size=config.micro_batch_size, seed=config.seed)
    torch.manual_seed(config.seed)
    model = build_model(
        ModelConfig(
            scale=config.scale, network=config.network.name, network_options=config.network,
            fusion=config.fusion.name, fusion_options=config.fusion, conditioning=config.conditioning,
            width=config.width, shared_blocks=config.shared_blocks, encoder=how,
        ),
        encoder,
    )  # fmt: skip
    method = _method(config, model, tuple(size.patch for size in sizes))
    trained = Trained(model, method)
    if config.channels_last:
        trained = trained.to(memory_format=torch.channels_last)
    if config.compile:
        model.network.compile()
    return SRTraining(trained, planner, config), held_out, space


def encoder_of(config: SRConfig) -> tuple[Encoder | None, EncoderConfig]:
    """The trained encoder where one is wanted, and how the encoder is built.

    Raises:
        ValueError, FileNotFoundError: it cannot be read.
    """
    if config.conditioning not in (*OF_AN_ENCODER, "constant"):
        return None, EncoderConfig()
    if _is_name(config.encoder):
        return None, EncoderConfig(
            name=config.encoder, input=config.encoder_input, downsample=config.encoder_downsample
        )
    if config.conditioning in ("random", "constant"):
        return None, replace(encoder_config(config.encoder), pretrained=False)
    _check_scale(config)
    return load_encoder(config.encoder), encoder_config(config.encoder)


def _check_scale(config: SRConfig) -> None:
    """Refuse an encoder that knows images of another scale; those of any size before down-sampling fit all."""
    try:
        space = load_space(str(encoder_metadata(config.encoder).get("degradation", "")))
    except ValueError:
        return  # of a space that is no longer there
    if space.scale not in (1, config.scale):
        raise ValueError(
            f"encoder={config.encoder} was trained on images down-sampled by {space.scale} (space {space.name}), but "
            f"scale={config.scale}: take one of that scale, or of a space that does not down-sample"
        )


def _method(config: SRConfig, model: SRModel, patches: tuple[int, ...]) -> Method | None:
    if not config.has_contrast:
        return None
    encoder: Any = contrasted_encoder(model)
    method = build_method(config.method.name, encoder, Positives(config.positives), config.method)
    method.check(patches, config.micro_batch_size)
    return method


def _earlier_training(config: SRConfig) -> dict[str, Any]:
    """What the encoder that a run began with tells of its training; empty where there is none."""
    began_with_one = config.conditioning in ("frozen", "finetune", "joint") and not _is_name(config.encoder)
    return encoder_metadata(config.encoder) if began_with_one else {}


def _finish(
    config: SRConfig, recipe: str, folder: Path, module: SRTraining, images: ValidationSet, space: Space,
    seconds: float,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Score, save the model, and its encoder where that has learned; the metrics and the table."""
    model = module.result
    found = score_model(model, images, bf16=config.precision == "bf16", device=module.device)
    rows = {config.name: found, "bicubic": score_bicubic(images, config.scale)}
    table = restored_table(rows, images.names)
    scores = {name: one.to_dict() for name, one in rows.items()} | {"degradations": images.names}
    of_run = {
        "recipe": recipe, "config": to_plain(config), "degradation": space.name, "train_seconds": seconds,
    } | training_images(module.planner.store)  # fmt: skip
    of_model = of_run | {"scores": scores}
    earlier = _earlier_training(config)
    if earlier:
        of_model["encoder"] = earlier
    text = f"model: {folder / 'model'}"
    if isinstance(model.source, EncoderSource) and model.source.trained:
        save_encoder(
            folder / "encoder", model.source.encoder, card=encoder_card(config, recipe, degradation=space.name),
            metadata=of_run | {
                "patch": module.planner.sizes[0].patch,
                "training_image_hashes": " ".join(sorted(seen_by(of_run) | seen_by(earlier))),
            },
            projector=getattr(module.trained.method, "projector", None),
        )  # fmt: skip
        text = f"{text}\nencoder: {folder / 'encoder'}"
    card = model_card(config, recipe, table, training_images=len(module.planner.store), degradation=space.name)
    save_model(folder / "model", model, card=card, metadata=of_model)
    heading = f"{len(images.image_names)} held-out images, centre of {config.validation_size} px, space {space.name}:"
    return {"scores": scores}, f"\n{heading}\n\n{table}\n\n{text}"
