"""PSNR and SSIM on luma against formulas in float64 numpy and against scikit-image."""

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import structural_similarity

from sr.metrics import SSIM_WINDOW, luma, psnr_y, quantize_8bit, ssim_y


def pair(noise: float = 12.0, side: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """An SR image with noise, not yet rounded, and its HR image: (H, W, 3) float64 levels."""
    hr_image = data.astronaut()[:side, 100 : 130 + side].astype(np.float64)
    return hr_image + noise * np.random.default_rng(0).standard_normal(hr_image.shape), hr_image


def batch(*images: np.ndarray) -> torch.Tensor:
    """Converts levels (H, W, 3) to a batch (B, 3, H, W) in [0, 1]."""
    return torch.stack([torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in images])


def luma_levels(image: np.ndarray) -> np.ndarray:
    """Computes Y in 16..235 from RGB levels."""
    return image @ np.array([65.738, 129.057, 25.064]) / 256 + 16


def round_to_levels(image: np.ndarray) -> np.ndarray:
    return np.clip(np.round(image), 0, 255)


@pytest.mark.parametrize("border", [2, 3, 4])
def test_psnr_is_the_published_formula(border):
    sr_image, hr_image = pair()
    difference = luma_levels(round_to_levels(sr_image)) - luma_levels(hr_image)
    expected = 10 * np.log10(255**2 / np.mean(difference[border:-border, border:-border] ** 2))
    found = psnr_y(batch(sr_image), batch(hr_image), border)
    assert found.dtype == torch.float64
    assert float(found) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("noise", [1.0, 12.0, 60.0])
@pytest.mark.parametrize("border", [2, 4])
def test_ssim_agrees_with_scikit_image(noise, border):
    sr_image, hr_image = pair(noise)
    inner = (slice(border, -border),) * 2
    expected = structural_similarity(
        luma_levels(round_to_levels(sr_image))[inner],
        luma_levels(hr_image)[inner],
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert float(ssim_y(batch(sr_image), batch(hr_image), border)) == pytest.approx(expected, abs=1e-4)


def test_equal_images():
    _, hr_image = pair()
    assert torch.isinf(psnr_y(batch(hr_image), batch(hr_image), 2)).all()
    torch.testing.assert_close(ssim_y(batch(hr_image), batch(hr_image), 2), torch.ones(1, dtype=torch.float64))


def test_differences_below_half_a_level_do_not_count():
    _, hr_image = pair()
    almost = hr_image + np.random.default_rng(1).uniform(-0.49, 0.49, hr_image.shape)
    assert torch.isinf(psnr_y(batch(almost), batch(hr_image), 2)).all()


def test_the_border_does_not_count():
    sr_image, hr_image = pair()
    spoilt = sr_image.copy()
    spoilt[:4], spoilt[-4:], spoilt[:, :4], spoilt[:, -4:] = 0, 255, 255, 0
    for score in (psnr_y, ssim_y):
        assert torch.equal(score(batch(spoilt), batch(hr_image), 4), score(batch(sr_image), batch(hr_image), 4))
        assert not torch.equal(score(batch(spoilt), batch(hr_image), 3), score(batch(sr_image), batch(hr_image), 3))


def test_each_image_of_a_batch_has_its_own_score():
    sr_image, hr_image = pair()
    worse, _ = pair(40.0)
    for score in (psnr_y, ssim_y):
        both = score(batch(sr_image, worse), batch(hr_image, hr_image), 2)
        singly = [float(score(batch(one), batch(hr_image), 2)) for one in (sr_image, worse)]
        assert both.shape == (2,)
        assert both.tolist() == pytest.approx(singly, abs=1e-12)
        assert both[0] > both[1]


def test_luma_range_and_rounding():
    ends = luma(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)).flatten()
    assert ends.tolist() == pytest.approx([16, 16 + 255 * 219.859 / 256])
    levels = quantize_8bit(torch.tensor([-0.2, 0.0021, 0.4999, 1.7])) * 255
    torch.testing.assert_close(levels, torch.tensor([0.0, 1.0, 127.0, 255.0]))


def test_too_small_for_the_window():
    side = SSIM_WINDOW + 2 * 2
    assert ssim_y(torch.rand(1, 3, side, side), torch.rand(1, 3, side, side), 2).shape == (1,)
    with pytest.raises(ValueError, match="SSIM needs at least 11 pixels a side, but .* 11x10"):
        ssim_y(torch.rand(1, 3, side - 1, side), torch.rand(1, 3, side - 1, side), 2)
