"""Front-ends: their formulas, and what they are invariant to."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from torch import Tensor

from shared.encoders.bands import (
    ContrastFreeBands,
    ContrastFreeBandsWithLevel,
    difference_of_gaussian_bands,
    to_gray,
)

FRONT_ENDS = [ContrastFreeBands(), ContrastFreeBandsWithLevel()]


def textured_images(batch: int = 2, height: int = 48, width: int = 40, seed: int = 0) -> Tensor:
    """Makes smoothed colour noise of several scales, in [0.1, 0.9]."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((batch, 3, height, width))
    image = sum(scale * gaussian_filter(noise, (0, 0, scale, scale)) for scale in (0.5, 1, 2, 4))
    image = image / np.abs(image).max()
    return torch.from_numpy(0.5 + 0.4 * image).float()


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize("size", [(16, 16), (17, 23), (64, 48)])
def test_images_of_any_size_are_accepted(front_end, size):
    bands = front_end(torch.rand(2, 3, *size))
    assert bands.shape == (2, front_end.channels, *size)
    assert torch.isfinite(bands).all()
    assert not list(front_end.parameters())
    assert not front_end.state_dict()


def test_bands_are_differences_of_smoothings_with_doubling_sigma():
    """They agree with convolutions by the composed kernels in float64, far from the border."""
    image = np.random.default_rng(0).standard_normal((129, 129))
    smoothings, kernel = [image], np.ones(1)
    for taps, distance in [((1, 6, 1), 1)] + [((1, 8, 14, 8, 1), d) for d in (1, 2, 4, 8)]:
        step = np.zeros((len(taps) - 1) * distance + 1)
        step[::distance] = np.array(taps) / sum(taps)
        kernel = np.convolve(kernel, step)
        smoothings.append(convolve2d(image, np.outer(kernel, kernel), mode="same", boundary="symm"))
        offsets = np.arange(len(kernel)) - len(kernel) // 2
        assert np.sqrt((kernel * offsets**2).sum()) == pytest.approx(0.5 * 2 ** (len(smoothings) - 2))
    expected = np.stack([fine - coarse for fine, coarse in pairwise(smoothings)])
    bands = difference_of_gaussian_bands(torch.from_numpy(image)[None, None])[0].numpy()
    inner = np.s_[:, 40:-40, 40:-40]
    np.testing.assert_allclose(bands[inner], expected[inner], atol=1e-12)


def test_bands_are_close_to_true_gaussians():
    image = textured_images(1, 128, 128)[0, 0].double()
    bands = difference_of_gaussian_bands(image[None, None])[0].numpy()
    smoothings = [image.numpy()]
    smoothings += [gaussian_filter(image.numpy(), sigma, mode="nearest") for sigma in (0.5, 1, 2, 4, 8)]
    for index, band in enumerate(bands):
        expected = smoothings[index] - smoothings[index + 1]
        assert np.corrcoef(band.ravel(), expected.ravel())[0, 1] > 0.97


def test_the_channels_agree_with_their_formula():
    images = textured_images().double()
    gray = (images * torch.tensor([0.299, 0.587, 0.114]).double().view(3, 1, 1)).sum(dim=1, keepdim=True)
    torch.testing.assert_close(to_gray(images), gray, atol=1e-7, rtol=0)
    raw = difference_of_gaussian_bands(gray)
    relative = raw / (raw[:, 4:].square().mean(dim=(2, 3), keepdim=True) + 1e-6).sqrt()
    expected = relative.sign() * torch.log(1 + relative.abs() / 0.01)
    level = raw[:, :2].sign() * torch.log(1 + 255 * raw[:, :2].abs())
    torch.testing.assert_close(ContrastFreeBands()(images), expected, atol=1e-4, rtol=1e-4)
    with_level = ContrastFreeBandsWithLevel()(images)
    torch.testing.assert_close(with_level[:, :5], ContrastFreeBands()(images), rtol=0, atol=0)
    torch.testing.assert_close(with_level[:, 5:], level, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.08), (1.0, -0.08), (0.4, 0.3), (1.1, -0.05)])
def test_brightness_and_contrast_do_not_matter(gain, offset):
    images = textured_images()
    front_end = ContrastFreeBands()
    change = (front_end(gain * images + offset) - front_end(images)).abs()
    assert change.max() < 0.02  # of values up to 5


def test_colour_matters_only_by_its_luma():
    images = textured_images()
    front_end = ContrastFreeBandsWithLevel()
    recoloured = images + 0.05 * torch.tensor([0.587, -0.299, 0.0]).view(3, 1, 1) * torch.rand(2, 1, 48, 40)
    torch.testing.assert_close(front_end(recoloured), front_end(images), atol=2e-3, rtol=0)
    assert (front_end(images.flip(1)) - front_end(images)).abs().max() > 0.1


def test_contrast_changes_the_level_channels():
    images = textured_images()
    front_end = ContrastFreeBandsWithLevel()
    fainter = front_end(0.5 + 0.25 * (images - 0.5))
    assert (fainter[:, 5:].abs() < front_end(images)[:, 5:].abs()).float().mean() > 0.99


def test_blur_and_noise_move_the_finest_band_in_opposite_directions():
    images = textured_images()
    blurred = torch.from_numpy(gaussian_filter(images.numpy(), (0, 0, 1.5, 1.5)))
    noisy = images + 0.05 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    fine = [ContrastFreeBands()(x)[:, 0].abs().mean() for x in (blurred, images, noisy)]
    assert fine[0] < fine[1] - 0.3
    assert fine[2] > fine[1] + 0.3


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_each_image_is_processed_independently(front_end):
    images = textured_images(4)
    images[3] *= 0.1
    together = front_end(images)
    for index in range(4):
        alone = front_end(images[index : index + 1])[0]
        torch.testing.assert_close(together[index], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_is_zero(front_end, value):
    bands = front_end(torch.full((1, 3, 20, 20), value))
    assert bands.abs().max() < 0.02


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_autocast_does_not_round_the_bands(front_end):
    images = textured_images()
    with torch.autocast("cpu", torch.bfloat16):
        bands = front_end(images)
    assert bands.dtype == torch.float32
    assert torch.equal(bands, front_end(images))


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_gradients_reach_the_image(front_end):
    images = textured_images().requires_grad_()
    front_end(images).square().mean().backward()
    assert torch.isfinite(images.grad).all()
    assert images.grad.abs().sum() > 0
