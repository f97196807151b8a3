"""Sharpening against OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from shared.degradations.filters.sharpen import unsharp_mask


def reference(image: np.ndarray, amount: float, threshold: float) -> np.ndarray:
    """The published unsharp mask, of a float64 image (H, W, 3) in [0, 1]."""
    blur = lambda picture: cv2.GaussianBlur(picture, (51, 51), 0)  # noqa: E731
    residual = image - blur(image)
    share = blur((np.abs(residual) > threshold).astype(np.float64))
    return share * np.clip(image + amount * residual, 0, 1) + (1 - share) * image


@pytest.mark.parametrize("amount", [0.0, 0.5, 3.0])
def test_the_unsharp_mask_is_that_of_opencv(amount):
    images = [data.astronaut()[:160, 150:300], data.coffee()[100:260, 200:350]]
    batch = torch.stack([torch.from_numpy(image).permute(2, 0, 1).double() / 255 for image in images])[:, None]
    thresholds = torch.tensor([10 / 255, 30 / 255], dtype=torch.float64)
    found = unsharp_mask(batch, torch.full((2,), amount, dtype=torch.float64), thresholds)
    for row, image in enumerate(images):
        expected = reference(image / 255, amount, thresholds[row].item())
        np.testing.assert_allclose(found[row, 0].permute(1, 2, 0), expected, atol=1e-6)


def test_an_image_smaller_than_the_filter_stays_finite():
    out = unsharp_mask(torch.rand(2, 1, 3, 6, 9), torch.full((2,), 0.5), torch.full((2,), 0.04))
    assert out.shape == (2, 1, 3, 6, 9)
    assert torch.isfinite(out).all()
