import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from shared.encoders.bands import ContrastFreeBands
from shared.encoders.energies import RESPONSES, SCALES, NoiseFreeEnergies, estimate_noise
from tests.shared.encoders.test_bands import textured_images

FRONT_END = NoiseFreeEnergies()


def gray_noise(level: float, side: int = 96) -> Tensor:
    """Makes gray images of white noise around mid gray."""
    noise = torch.randn(8, 1, side, side, generator=torch.Generator().manual_seed(0))
    return (0.5 + level / 255 * noise).expand(-1, 3, -1, -1)


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (64, 48)])
def test_images_of_any_size_are_accepted(size):
    energies = FRONT_END(torch.rand(2, 3, *size))
    assert energies.shape == (2, FRONT_END.channels, -(-size[0] // 4), -(-size[1] // 4))
    assert torch.isfinite(energies).all()
    assert not FRONT_END.state_dict()


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_is_constant_and_finite(value):
    energies = FRONT_END(torch.full((1, 3, 20, 20), value))
    assert torch.isfinite(energies).all()
    assert energies.std(dim=(2, 3)).max() == 0


@pytest.mark.parametrize("level", [1, 10, 25])
def test_the_level_of_white_noise_is_found(level):
    gray = gray_noise(level)[:, :1]
    np.testing.assert_allclose(estimate_noise(gray).flatten() * 255, level, rtol=0.06)
    np.testing.assert_allclose(FRONT_END(gray_noise(level))[:, -1].mean() ** 2, level, rtol=0.03)


def test_the_energy_of_white_noise_is_taken_out():
    # the mean energy of each filter's response is its gain times the variance: nothing is left but the residue
    gray = gray_noise(20, side=256)
    signal = torch.from_numpy(gaussian_filter(np.random.default_rng(0).normal(size=(8, 1, 256, 256)), (0, 0, 3, 3)))
    content = (0.5 + 0.15 * signal / signal.std()).float().expand(-1, 3, -1, -1)
    clean = FRONT_END(content)[:, :-1].mean((0, 2, 3))
    noisy = FRONT_END(content + gray - 0.5)[:, :-1].mean((0, 2, 3))
    without = ContrastFreeBands()
    moved = (without(content + gray - 0.5)[:, 0].abs().mean() - without(content)[:, 0].abs().mean()).abs()
    coarse = slice((SCALES - 1) * RESPONSES, None)
    np.testing.assert_allclose(noisy[coarse], clean[coarse], rtol=0.15)
    assert moved > 1  # the finest band, which keeps the noise


def test_blur_is_seen_beneath_noise():
    images = textured_images(8, 96, 96)
    blurred = torch.from_numpy(gaussian_filter(images.numpy(), (0, 0, 1.5, 1.5)))
    noise = 5 / 255 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    middle = slice(RESPONSES, 2 * RESPONSES)
    sharp, soft = (FRONT_END(x + noise)[:, middle].mean((2, 3)) for x in (images, blurred))
    assert (soft < 0.8 * sharp).all()


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.08), (0.4, 0.3)])
def test_brightness_and_contrast_do_not_matter(gain, offset):
    images = textured_images()
    change = (FRONT_END(gain * images + offset) - FRONT_END(images))[:, :-1].abs()
    assert change.max() < 0.05


def test_each_image_is_processed_independently_and_never_rounded():
    images = textured_images(3)
    together = FRONT_END(images)
    torch.testing.assert_close(together[1:2], FRONT_END(images[1:2]))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(FRONT_END(images), together)
