"""Which encoder a run of stage two begins with: a trained one, or one by its name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.artefacts.encoder import encoder_config, encoder_metadata, load_encoder
from shared.degradations import load_space
from shared.encoders import Encoder, EncoderConfig
from shared.run_folders.run_folder import RunFolder, newest_run
from sr.conditioning.sources import OF_AN_ENCODER
from sr.training.config import SRConfig

UNTRAINED = ("joint", "random", "constant")  # may take an encoder by its name


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


def earlier_training(config: SRConfig) -> dict[str, Any]:
    """What the encoder that a run began with tells of its training; empty where there is none."""
    began_with_one = config.conditioning in ("frozen", "finetune", "joint") and not _is_name(config.encoder)
    return encoder_metadata(config.encoder) if began_with_one else {}
