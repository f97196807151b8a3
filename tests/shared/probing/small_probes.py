"""A probe set of a few small photographs."""

from pathlib import Path

import numpy as np
import torch
from skimage import data

from shared.data.store import ImageStore
from shared.degradations import load_space
from shared.probing import ProbeSet, build_probe_set, build_run_probe

THREE_BLURS = (
    "rows:\n"
    "  - {name: sharp, steps: [{gaussian: {sigma: 0.3}}, {quantize: {}}]}\n"
    "  - {name: soft, steps: [{gaussian: {sigma: 1.5}}, {quantize: {}}]}\n"
    "  - {name: 'noisy, soft', steps: [{gaussian: {sigma: 1.5}}, {gaussian_noise: {noise_sigma: 10/255}}]}\n"
)
DRAWN_BLURS = "steps: [{gaussian: {sigma: [0.3, 3]}}, {quantize: {}}]"


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
    return build_probe_set(load_space(str(path)), small_store(images), patch=32, size=size, seed=seed)


def small_run_probe(*, space: str = "blur_noise", images: int = 4) -> ProbeSet:
    """Some of the patches of 32 px that a training run on a space is scored by, listed and drawn."""
    probe = build_run_probe(load_space(space), small_store(images), 32)
    return probe.select(torch.from_numpy(np.flatnonzero(probe.content % 16 == 0)))
