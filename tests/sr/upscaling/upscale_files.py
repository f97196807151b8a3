"""Image files for the command, models whose results are known, and a comparison of results."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from shared.images import upsample_bicubic
from sr.model import build_model
from sr.model_artefact import save_model
from sr.upscale import main
from tests.sr.small_models import small_config

PHOTOGRAPH = data.astronaut()


def save_models(root: Path) -> Path:
    """Saves untrained models, whose results are bicubic up-sampling."""
    for conditioning in ("none", "joint", "oracle"):
        fusion = "affine:map" if conditioning == "joint" else "da_conv"
        model = build_model(small_config(fusion=fusion, conditioning=conditioning, bicubic_skip=True))
        save_model(root / conditioning / "model", model, card="# card", metadata={"degradation": "dasr_iso_x2"})
    return root


def save_image(path: Path, height: int = 40, width: int = 60, mode: str = "RGB", **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PHOTOGRAPH[:height, :width]).convert(mode).save(path, **options)
    return path


def upscale_bicubic(image: np.ndarray) -> np.ndarray:
    """Computes the result of the models for an image (H, W, C)."""
    largest = np.iinfo(image.dtype).max
    tensor = torch.from_numpy(image.astype(np.float32) / largest).permute(2, 0, 1)[None]
    return (upsample_bicubic(tensor, 2)[0].clamp(0, 1) * largest).round().permute(1, 2, 0).numpy().astype(image.dtype)


def run_command(*arguments: object) -> int:
    return main([*map(str, arguments), "accelerator=cpu", "estimate=false"])


def assert_near(result: np.ndarray, expected: np.ndarray, steps: int = 1) -> None:
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert np.abs(result.astype(int) - expected).max() <= steps
