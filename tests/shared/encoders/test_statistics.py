"""Hand-made statistics: their formula, and how degradations change them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, gaussian_filter

from shared.encoders.statistics import STATISTICS, degradation_statistics


def textures(count: int, size: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def blur(images: torch.Tensor, vertical: float, horizontal: float) -> torch.Tensor:
    return torch.from_numpy(gaussian_filter(images.numpy(), (0, 0, vertical, horizontal)))


def compute_reference(image: np.ndarray) -> np.ndarray:
    """Computes the documented formula with scipy's convolution and explicit averages, in float64."""
    gray = np.tensordot([0.299, 0.587, 0.114], image.astype(np.float64), axes=1)
    filters = (
        np.array([[0, 0, 0], [0, -1, 1], [0, 0, 0]]),
        np.array([[0, 0, 0], [0, -1, 0], [0, 1, 0]]),
        np.array([[0, 0, 0], [0, -1, 0], [0, 0, 1]]) / np.sqrt(2),
        np.array([[0, 0, 0], [0, 0, -1], [0, 1, 0]]) / np.sqrt(2),
        np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]),
    )
    valid = (np.s_[:, :-1], np.s_[:-1], np.s_[:-1, :-1], np.s_[:-1, :-1], np.s_[1:-1, 1:-1])
    features = []
    for scale in range(3):
        if scale:
            height, width = (side // 2 for side in gray.shape)
            gray = gray[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))
        for kernel, inside in zip(filters, valid, strict=True):
            response = convolve(gray, kernel[::-1, ::-1])[inside]
            features.append(np.log((response**2).mean() + 1e-8))
    return np.array(features)


@pytest.mark.parametrize("size", [(64, 64), (17, 30), (16, 16)])
def test_statistics_agree_with_the_documented_formula(size):
    images = textures(3)[..., : size[0], : size[1]]
    expected = np.stack([compute_reference(image) for image in images.numpy()])
    np.testing.assert_allclose(degradation_statistics(images).numpy(), expected, atol=1e-4)


def test_flat_images_are_finite():
    flat = torch.cat([torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.3), torch.ones(1, 3, 32, 32)])
    features = degradation_statistics(flat)
    assert features.shape == (3, 3 * len(STATISTICS))
    assert torch.allclose(features, torch.tensor(1e-8).log().expand_as(features), atol=1e-3)


def test_blur_lowers_and_noise_raises_the_fine_scales():
    images = blur(textures(4), 1, 1)
    sharp = degradation_statistics(images)
    blurred = degradation_statistics(blur(images, 1.5, 1.5))
    noisy = degradation_statistics(images + 0.05 * (textures(4, seed=1) - 0.5))
    assert (blurred < sharp).all()
    assert ((blurred - sharp)[:, :5] < (blurred - sharp)[:, 10:]).all()
    assert (noisy[:, :5] > sharp[:, :5]).all()
    assert ((noisy - sharp)[:, 4] > (noisy - sharp)[:, 14]).all()


def test_the_direction_of_a_blur_is_visible():
    along_x = degradation_statistics(blur(textures(4), 0, 3))
    along_y = degradation_statistics(blur(textures(4), 3, 0))
    horizontal, vertical = STATISTICS.index("horizontal"), STATISTICS.index("vertical")
    assert (along_x[:, horizontal] < along_x[:, vertical] - 1).all()
    assert (along_y[:, vertical] < along_y[:, horizontal] - 1).all()
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    stripes = (0.5 + 0.4 * torch.sin((y - x) / 2)).expand(1, 3, 64, 64)  # constant towards the lower right
    features = degradation_statistics(stripes)[0]
    assert features[STATISTICS.index("diagonal")] < features[STATISTICS.index("antidiagonal")] - 5


def test_samples_do_not_depend_on_their_batch():
    images = textures(5)
    together = degradation_statistics(images)
    alone = torch.cat([degradation_statistics(image[None]) for image in images])
    torch.testing.assert_close(together, alone)


def test_unsuitable_images_are_refused():
    with pytest.raises(ValueError, match=r"got \(2, 1, 64, 64\)"):
        degradation_statistics(torch.zeros(2, 1, 64, 64))
    with pytest.raises(ValueError, match=">= 16"):
        degradation_statistics(torch.zeros(2, 3, 15, 64))
