"""A probe set of a few small photographs, and encoders for it."""

from pathlib import Path

import numpy as np
import torch
from skimage import data
from torch import nn

from analysis.embedding.probe_sets import ProbeSet, build_probe_set, load_probe_space
from shared.artefacts import save_encoder
from shared.data import ImageStore, describe_training_images
from shared.encoders import EncoderConfig, build_encoder

THREE_BLURS = (
    "rows:\n"
    "  - {name: sharp, steps: [{gaussian: {sigma: 0.3}}, {quantize: {}}]}\n"
    "  - {name: soft, steps: [{gaussian: {sigma: 1.5}}, {quantize: {}}]}\n"
    "  - {name: 'noisy, soft', steps: [{gaussian: {sigma: 1.5}}, {gaussian_noise: {noise_sigma: 10/255}}]}\n"
)


def small_store(images: int = 4) -> ImageStore:
    """Squares of 96 px from different places of one photograph, each an image of its own."""
    photograph = data.astronaut()
    squares = [photograph[y : y + 96, x : x + 96] for y in (0, 200, 400) for x in (0, 150, 300)][:images]
    pixels = torch.from_numpy(np.concatenate([square.reshape(-1, 3) for square in squares]))
    side = torch.full((images,), 96)
    return ImageStore(pixels, torch.arange(images) * 96 * 96, side, side, [f"square {i}" for i in range(images)])


def small_probe(
    folder: Path, *, written: str = THREE_BLURS, images: int = 4, size: int = 24, seed: int = 0
) -> ProbeSet:
    """Three listed degradations of patches of 32 px."""
    path = folder / "three.yaml"
    path.write_text(written)
    return build_probe_set(load_probe_space(str(path)), small_store(images), patch=32, size=size, seed=seed)


def save_small_encoder(
    folder: Path, *, seed: int = 3, projector: nn.Module | None = None, method: str = "simclr",
    seen: ImageStore | None = None,
) -> Path:  # fmt: skip
    """An artefact as a finished run on the images `seen` has it."""
    torch.manual_seed(seed)
    encoder = build_encoder(EncoderConfig(name="dasr", input="bands"))
    metadata = {"degradation": "blur", "patch": 32, "config": {"seed": seed, "method": {"name": method}}}
    metadata |= describe_training_images(seen) if seen is not None else {}
    save_encoder(folder, encoder, card="", metadata=metadata, projector=projector)
    return folder
