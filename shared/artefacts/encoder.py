"""Encoder artefacts: a folder with safetensors, JSON and a model card; reading one executes nothing from it."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from shared.artefacts.artefact import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    ArtefactKind,
    load_fitting,
    options_from,
    read_whole,
    serialised,
)
from shared.artefacts.projector import build_projector, describe_projector, projector_state
from shared.encoders import Encoder, EncoderConfig, build_encoder

KIND = ArtefactKind(
    name="encoder", format="unblind-encoder", version=1, objects=("encoder", "metadata"),
    tags="[degradation-representation, blind-super-resolution]",
)  # fmt: skip
PROJECTOR_FILE = "projector.safetensors"


def save_encoder(
    folder: Path, encoder: Encoder, *, card: str, metadata: dict[str, Any], projector: nn.Module | None = None
) -> None:
    """Writes an artefact, see `ArtefactKind.write`.

    Args:
        folder: Created if missing; other files in it stay.
        encoder: Any encoder, on any device.
        card: The model card in Markdown: data, recipe, scores. Gets a hub header.
        metadata: Plain JSON values, such as degradation space, recipe, scores; NaN and infinity become null.
        projector: The head the encoder was trained with, kept beside it in `projector.safetensors`.

    Raises:
        ValueError: The metadata is not plain JSON, or the projector is of an unknown kind.
        OSError: The folder cannot be written, the disk is full.
    """
    files = {WEIGHTS_FILE: serialised(encoder.state_dict())}
    config = {
        "encoder": asdict(encoder.config), "dim": encoder.dim, "channels": encoder.channels,
        "strides": encoder.strides, "metadata": metadata,
    }  # fmt: skip
    if projector is not None:
        files[PROJECTOR_FILE] = serialised(projector_state(projector))
        digest = hashlib.sha256(files[PROJECTOR_FILE]).hexdigest()
        config["projector"] = {"layers": describe_projector(projector), "weights_sha256": digest}
    KIND.write(folder, files, config, card)


def load_encoder(path: str | Path) -> Encoder:
    """Reads an encoder; downloads nothing and leaves torch's global generator as it was.

    Args:
        path: The artefact folder, or a run folder that has it in `encoder/`.

    Returns:
        The encoder in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: There is no such folder, or no complete encoder in it (the run is not finished).
        ValueError: A file is corrupt, of another format, or the weights do not fit.
    """
    folder = KIND.folder(path)
    config = KIND.read_config(folder)
    encoder_config = options_from(folder / CONFIG_FILE, "encoder", config["encoder"], EncoderConfig)
    with torch.random.fork_rng(devices=[]):
        encoder = build_encoder(replace(encoder_config, pretrained=False))
    encoder.config = encoder_config
    load_fitting(encoder, folder / WEIGHTS_FILE, config["weights_sha256"], f"the encoder {encoder_config.name}")
    return encoder.eval()


def load_projector(path: str | Path) -> nn.Module:
    """Reads the projection head that an encoder was trained with, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: As `load_encoder`, or the artefact keeps no projector.
        ValueError: As `load_encoder`.
    """
    folder = KIND.folder(path)
    described = KIND.read_config(folder).get("projector")
    if not isinstance(described, dict):
        raise FileNotFoundError(f"{folder} keeps no projector: its method has none, or an older version saved it")
    with torch.random.fork_rng(devices=[]):
        projector = build_projector(described.get("layers", []))
    load_fitting(projector, folder / PROJECTOR_FILE, described.get("weights_sha256", ""), "the projector")
    return projector.eval()


def encoder_metadata(path: str | Path) -> dict[str, Any]:
    """What `save_encoder` was given as metadata. Raises as `load_encoder`."""
    return KIND.read_config(KIND.folder(path))["metadata"]


def encoder_config(path: str | Path) -> EncoderConfig:
    """How an encoder is built. Raises as `load_encoder`."""
    folder = KIND.folder(path)
    return options_from(folder / CONFIG_FILE, "encoder", KIND.read_config(folder)["encoder"], EncoderConfig)


def encoder_hash(path: str | Path) -> str:
    """SHA-256, in hex, of weights and encoder config: the same for encoders that give the same output.

    The card and the metadata do not count. Raises as `load_encoder`.
    """
    folder = KIND.folder(path)
    config = KIND.read_config(folder)
    digest = hashlib.sha256(json.dumps(config["encoder"], sort_keys=True).encode())
    digest.update(read_whole(folder / WEIGHTS_FILE, config["weights_sha256"]))
    return digest.hexdigest()
