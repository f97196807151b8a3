"""Noise: distributions, independence, and that a value depends on its own position alone."""

import numpy as np
import pytest
import torch
from scipy import stats

from shared.degradations.filters import noise

SEEDS = torch.tensor([0, 1, 2, 12345, 2**61 + 7, 2**33], dtype=torch.int64)
FAMILIES = (noise.gaussian_noise, noise.gray_noise, noise.speckle, noise.poisson, noise.gray_poisson)
families = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


def views(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.int64)


def flat_images(value: float, rows: int = 1, side: int = 128) -> torch.Tensor:
    return torch.full((rows, 1, 3, side, side), value)


def add_noise(family, images: torch.Tensor, strength: float, first_seed: int = 0, stream: int = 2) -> torch.Tensor:
    rows = len(images)
    seed = torch.arange(first_seed, first_seed + rows)
    return family(images, torch.full((rows,), strength), seed, stream, torch.arange(images.shape[1]))


def test_standard_normal_is_normal():
    values = noise.standard_normal(SEEDS, 3, views(0, 1), 100_001)
    assert values.shape == (6, 2, 100_001)
    assert torch.isfinite(values).all()
    for field in values.flatten(0, 1).double().numpy():
        assert abs(field.mean()) < 0.015
        assert abs(field.std() - 1) < 0.01
        assert abs(stats.skew(field)) < 0.035
        assert abs(stats.kurtosis(field)) < 0.07
        assert stats.kstest(field, "norm").pvalue > 1e-5
    pooled = values.double().flatten().numpy()
    assert stats.kstest(pooled, "norm").pvalue > 1e-4
    assert (np.abs(pooled) > 4).mean() == pytest.approx(2 * stats.norm.sf(4), rel=0.6)  # the tails are there


def test_bits_are_balanced_and_uniform():
    bits = noise.random_bits(SEEDS, 0, views(0), 65_536).numpy().view(np.uint32)
    for position in range(32):
        assert ((bits >> position) & 1).mean() == pytest.approx(0.5, abs=0.005)
    counts = np.bincount((bits >> 24).ravel(), minlength=256)
    assert stats.chisquare(counts).pvalue > 1e-5


def test_fields_are_independent():
    """Rows (also of neighbouring seeds), views, streams and neighbouring positions have correlations of chance."""
    count = 65_536
    fields = [
        noise.standard_normal(torch.tensor([seed]), stream, views(view), count)[0, 0]
        for seed in (0, 1, 2, 2**32, 2**32 + 1)
        for stream in (0, 1, 7)
        for view in (0, 1, 2)
    ]
    correlation = torch.corrcoef(torch.stack(fields)).fill_diagonal_(0).abs()
    assert correlation.max() < 5.5 / count**0.5
    squares = torch.corrcoef(torch.stack(fields).square()).fill_diagonal_(0).abs()
    assert squares.max() < 6 / count**0.5
    field = fields[0]
    for lag in (1, 2, 3, 8, 64, 128, 256, 4096, count // 2):  # also the two halves of Box-Muller
        assert abs((field[lag:] * field[:-lag]).mean()) < 5 / (count - lag) ** 0.5
    shifted = [fields[0][1:] * other[:-1] for other in fields[1:]]
    assert max(abs(product.mean().item()) for product in shifted) < 5.5 / count**0.5


def test_colour_channels_are_independent_and_gray_ones_equal():
    images = flat_images(0.5)
    colour = add_noise(noise.gaussian_noise, images, 0.05)[0, 0].flatten(1)
    assert torch.corrcoef(colour).fill_diagonal_(0).abs().max() < 5 / colour.shape[1] ** 0.5
    gray = add_noise(noise.gray_noise, images, 0.05)[0, 0]
    assert torch.equal(gray[0], gray[1])
    assert torch.equal(gray[0], gray[2])
    for channels in (colour, gray.flatten(1)):
        assert channels.std().item() == pytest.approx(0.05, rel=0.02)
        assert channels.mean().item() == pytest.approx(0.5, abs=0.002)


def test_speckle_grows_with_the_image():
    for value in (0.1, 0.3, 0.6):
        out = add_noise(noise.speckle, flat_images(value), 0.1)
        assert out.std().item() == pytest.approx(0.1 * value, rel=0.02)
        assert out.mean().item() == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize("rate", [0.05, 0.7, 3.0, 9.5, 15.9, 16.1, 25.0, 80.0, 400.0])
def test_poisson_counts_agree_with_scipy(rate):
    """Mean, variance and the probability of every count, below and above the threshold between the two methods."""
    value = 0.002 if rate < 1 else 0.1  # the tails stay below 1, so that nothing is clipped
    peak = rate / value
    images = add_noise(noise.poisson, flat_images(value, rows=8), peak, first_seed=100)
    counts = (images * peak).double().flatten().numpy()
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    counts = np.round(counts)
    error = (rate / counts.size) ** 0.5
    assert counts.mean() == pytest.approx(rate, abs=5 * error)
    assert counts.var() == pytest.approx(rate, rel=4 * (2 / counts.size + 1 / rate / counts.size) ** 0.5 + 5e-3)
    top = int(counts.max()) + 1
    found = np.bincount(counts.astype(int), minlength=top) / counts.size
    expected = stats.poisson.pmf(np.arange(len(found)), rate)
    assert np.abs(found - expected).max() < 5 * (expected.max() / counts.size) ** 0.5 + 1e-3
    assert np.abs(np.cumsum(found) - np.cumsum(expected)).max() < 4e-3
    assert stats.poisson.sf(counts.max() - 1, rate) > 1e-8  # no count that never occurs


@pytest.mark.parametrize("probability", [1e-6, 0.01, 0.5, 0.99, 1 - 2.0**-22, 1 - 2.0**-24])
def test_poisson_quantiles_agree_with_scipy(probability):
    """Also for the largest uniform numbers, where a float32 sum that stays below 1 would give far too large counts."""
    rate = torch.linspace(0.01, 15.99, 200)
    found = noise._poisson_quantile(torch.full_like(rate, probability), rate).numpy()
    exact = np.float64(np.float32(probability))
    slack = 1e-6  # error of a float32 sum
    low = stats.poisson.ppf(max(exact - slack, 1e-12), rate.double().numpy())
    high = stats.poisson.ppf(min(exact + slack, 1 - 1e-10), rate.double().numpy())
    assert (found >= low).all()
    assert (found <= high).all()


def test_uniform_numbers_lie_inside_the_open_interval():
    ends = noise._to_uniform(torch.tensor([0, -1], dtype=torch.int32))
    assert 0 < ends[0] < 1e-6
    assert 1 - 1e-6 < ends[1] < 1


def test_a_dark_pixel_has_no_photons():
    assert torch.equal(add_noise(noise.poisson, flat_images(0.0, 3), 50.0), flat_images(0.0, 3))


@pytest.mark.parametrize("family", [noise.gaussian_noise, noise.gray_noise, noise.speckle])
def test_zero_noise_is_the_identity(family):
    images = torch.rand(3, 2, 3, 9, 7)
    assert torch.equal(family(images, torch.zeros(3), SEEDS[:3], 0, views(0, 1)), images)


@families
def test_the_field_depends_on_seed_view_stream_and_position_alone(family):
    images = torch.rand(6, 3, 3, 12, 10, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
    strength = torch.tensor([0.05, 0.1, 0.02, 0.05, 0.08, 0.03])
    if "poisson" in family.__name__:
        strength = 1 / strength
    whole = family(images, strength, SEEDS, 1, torch.arange(3))
    parts = [slice(0, 1), slice(1, 4), slice(4, 6)]
    split = torch.cat([family(images[p], strength[p], SEEDS[p], 1, torch.arange(3)) for p in parts])
    assert torch.equal(whole, split)
    by_view = torch.cat([family(images[:, v : v + 1], strength, SEEDS, 1, views(v)) for v in range(3)], 1)
    assert torch.equal(whole, by_view)
    order = torch.tensor([3, 0, 5, 2, 1, 4])
    assert torch.equal(family(images[order], strength[order], SEEDS[order], 1, torch.arange(3)), whole[order])


@families
def test_another_view_seed_or_stream_has_another_field(family):
    images = torch.full((1, 1, 3, 16, 16), 0.5)
    strength = torch.tensor([20.0 if "poisson" in family.__name__ else 0.1])
    reference = family(images, strength, SEEDS[:1], 0, views(0))
    for seed, stream, view in ((SEEDS[1:2], 0, 0), (SEEDS[5:6], 0, 0), (SEEDS[:1], 1, 0), (SEEDS[:1], 0, 1)):
        other = family(images, strength, seed, stream, views(view))
        assert (other != reference).float().mean() > 0.5


@families
def test_values_stay_in_the_range_and_keep_their_type(family):
    for dtype in (torch.float32, torch.float64):
        images = torch.rand(2, 1, 3, 32, 32, dtype=dtype)
        out = family(images, torch.tensor([0.5, 5.0]), SEEDS[:2], 0, views(0))
        assert out.dtype == dtype
        assert out.min() >= 0
        assert out.max() <= 1


def test_gray_poisson_adds_the_shot_noise_of_the_gray_image_to_all_channels():
    colour = torch.tensor([0.6, 0.3, 0.2]).view(3, 1, 1)
    images = colour.expand(4, 1, 3, 256, 256).contiguous()
    added = add_noise(noise.gray_poisson, images, 400.0) - images
    torch.testing.assert_close(added[:, :, 0], added[:, :, 1], atol=1e-6, rtol=0)
    gray = 0.299 * 0.6 + 0.587 * 0.3 + 0.114 * 0.2
    free = added[:, :, 0]
    assert free.mean().item() == pytest.approx(0, abs=1e-3)
    assert free.var().item() == pytest.approx(gray / 400, rel=0.02)
