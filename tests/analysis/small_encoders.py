"""Encoders of small photographs, as finished runs leave them."""

from pathlib import Path

import torch
from torch import nn

from shared.artefacts import save_encoder
from shared.data.fingerprints import describe_training_images
from shared.data.store import ImageStore
from shared.encoders import EncoderConfig, build_encoder


def save_small_encoder(
    folder: Path,
    *,
    seed: int = 3,
    projector: nn.Module | None = None,
    method: str = "simclr",
    seen: ImageStore | None = None,
) -> Path:
    """An artefact as a finished run on the images `seen` has it."""
    torch.manual_seed(seed)
    encoder = build_encoder(EncoderConfig(name="dasr", input="bands"))
    metadata = {"degradation": "blur", "patch": 32, "config": {"seed": seed, "method": {"name": method}}}
    metadata |= describe_training_images(seen) if seen is not None else {}
    save_encoder(folder, encoder, card="", metadata=metadata, projector=projector)
    return folder
