"""Summaries: a few numbers per degradation, comparable across families."""

import math

import pytest
import torch

from shared.degradations import list_spaces, load_space
from shared.degradations.summary import SUMMARY_RANGES, summarise, summarise_as_vector
from tests.shared.degradations.example_spaces import draw, make_space


def summarise_steps(*steps: dict, scale: int = 1) -> dict[str, float]:
    """Summarises one degradation with these steps."""
    return {name: values.item() for name, values in summarise(draw(make_space(*steps, scale=scale), 1)).items()}


def add_aperture(sigma: float) -> float:
    """Adds, in quadrature, the width of the square aperture of a pixel, whose variance is 1/12."""
    return math.sqrt(sigma**2 + 1 / 12)


@pytest.mark.parametrize("theta", [0.0, 0.4, math.pi / 2, 2.0, 3.0])
@pytest.mark.parametrize(("sigma", "sigma_y"), [(2.0, 1.0), (1.0, 2.5), (2.8, 0.8), (1.5, 1.5)])
def test_the_summary_of_a_gaussian_agrees_with_its_parameters(sigma, sigma_y, theta):
    """Within 0.03, since 21 pixels sample the kernel and cut off its tails."""
    found = summarise_steps({"gaussian": {"sigma": sigma, "sigma_y": sigma_y, "theta": theta}})
    width, width_y = add_aperture(sigma), add_aperture(sigma_y)
    assert found["log_sigma"] == pytest.approx(math.log(width * width_y) / 2, abs=0.03)
    assert found["anisotropy"] == pytest.approx(abs(math.log(width / width_y)), abs=0.03)
    if sigma == sigma_y:
        assert math.isnan(found["sin_2theta"])
        assert math.isnan(found["cos_2theta"])
    else:
        longer = theta if sigma > sigma_y else theta + math.pi / 2
        assert found["sin_2theta"] == pytest.approx(math.sin(2 * longer), abs=0.03)
        assert found["cos_2theta"] == pytest.approx(math.cos(2 * longer), abs=0.03)


def test_the_width_grows_with_sigma_over_the_whole_range():
    widths = torch.linspace(0.25, 4, 30).tolist()
    values = [summarise_steps({"gaussian": {"sigma": width}})["log_sigma"] for width in widths]
    assert values == sorted(values)
    assert all(abs(v - math.log(add_aperture(w))) < 0.08 for v, w in zip(values, widths, strict=True) if w > 0.6)


def test_no_blur_has_the_width_of_a_pixel():
    for steps in ([{"quantize": {}}], [{"gaussian": {"sigma": 0}}], [{"disk": {"radius": 0}}]):
        found = summarise_steps(*steps)
        assert found["log_sigma"] == pytest.approx(math.log(math.sqrt(1 / 12)))
        assert found["anisotropy"] == 0
        assert math.isnan(found["sin_2theta"])


def test_motion_has_its_direction_and_a_disk_its_width():
    motion = summarise_steps({"motion": {"length": 12, "theta": "pi/6"}})
    assert motion["sin_2theta"] == pytest.approx(math.sin(math.pi / 3), abs=0.03)
    assert motion["anisotropy"] > 1
    disk = summarise_steps({"disk": {"radius": 6}})  # its standard deviation per axis is half its radius
    assert disk["log_sigma"] == pytest.approx(math.log(add_aperture(6 / 2)), abs=0.05)
    assert math.isnan(disk["cos_2theta"])


def test_variances_of_several_blurs_add_up():
    found = summarise_steps({"gaussian": {"sigma": 1.2}}, {"gaussian": {"sigma": 1.6}})
    assert found["log_sigma"] == pytest.approx(math.log(add_aperture(2.0)), abs=0.01)
    crossed = summarise_steps(*({"gaussian": {"sigma": 2, "sigma_y": 1, "theta": theta}} for theta in (0, "pi/2")))
    assert crossed["anisotropy"] == pytest.approx(0, abs=1e-6)


def test_a_blur_after_a_resize_counts_in_input_pixels():
    blur, half = {"gaussian": {"sigma": 1.5}}, {"bicubic": {"relative_size": "1/2"}}
    before, after = summarise_steps(blur, half, scale=2), summarise_steps(half, blur, scale=2)
    assert after["log_sigma"] == pytest.approx(math.log(add_aperture(3.0)), abs=0.01)
    assert before["log_sigma"] == pytest.approx(math.log(add_aperture(1.5)), abs=0.01)


def test_the_strongest_noise_counts():
    level = lambda value: {"gaussian_noise": {"noise_sigma": value}}  # noqa: E731
    assert summarise_steps(level(0.05))["noise_sigma"] == pytest.approx(0.05)
    several = summarise_steps(level(0.02), {"gray_noise": {"noise_sigma": 0.08}}, level(0.01))
    assert several["noise_sigma"] == pytest.approx(0.08)
    assert summarise_steps({"quantize": {}})["noise_sigma"] == 0
    assert summarise_steps({"poisson": {"peak": 200}})["noise_sigma"] == pytest.approx((0.5 / 200) ** 0.5)
    assert summarise_steps({"poisson": {"peak": 50}}, level(0.02))["noise_sigma"] == pytest.approx(0.1)


def test_the_lowest_jpeg_quality_counts():
    assert summarise_steps({"quantize": {}})["jpeg_quality"] == 100
    several = summarise_steps(*({"jpeg": {"quality": quality}} for quality in (70, 40, 90)))
    assert several["jpeg_quality"] == 40


def test_each_row_has_its_own_summary():
    degradation = draw(load_space("second_order"), 30)
    together = summarise(degradation)
    for row in (0, 7, 29):
        alone = summarise(degradation[[row]])
        for name, values in together.items():
            assert values.dtype == torch.float64
            torch.testing.assert_close(values[[row]], alone[name], equal_nan=True)


@pytest.mark.parametrize("name", list_spaces())
def test_vectors_are_finite_and_in_about_unit_range(name):
    degradation = draw(load_space(name), 400)
    found = summarise_as_vector(degradation)
    assert found.shape == (400, len(SUMMARY_RANGES))
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert found.min() > -0.5
    assert found.max() < (1.8 if name in ("shuffled", "second_order") else 1.3)  # their blurs add up, at small sizes
    parts = [summarise_as_vector(degradation[rows]) for rows in (slice(0, 200), slice(200, 400))]
    assert torch.equal(found, torch.cat(parts))


def test_vectors_scale_the_summary():
    steps = [
        {"gaussian": {"sigma": 2, "sigma_y": 1, "theta": 0.5}},
        {"gaussian_noise": {"noise_sigma": 0.05}},
        {"jpeg": {"quality": 65}},
    ]
    degradation = draw(make_space(*steps), 1)
    summary, found = summarise(degradation), summarise_as_vector(degradation)[0]
    weight = math.tanh(summary["anisotropy"].item())
    for column, (name, (low, high)) in zip(found, SUMMARY_RANGES.items(), strict=True):
        value = summary[name].item() * (weight if "theta" in name else 1)
        assert column.item() == pytest.approx((value - low) / (high - low), abs=1e-6)
    assert found[-1].item() == pytest.approx(0.5)


def test_similar_degradations_have_similar_vectors():
    """Directions jump neither at 180 degrees nor as a blur becomes round."""
    rows = [
        summarise_as_vector(draw(make_space({"gaussian": {"sigma": sigma, "sigma_y": 1.5, "theta": theta}}), 1))[0]
        for sigma, theta in ((3.0, 0.01), (3.0, math.pi - 0.01), (1.52, 0.2), (1.5, 1.7), (3.0, math.pi / 2))
    ]
    assert (rows[0] - rows[1]).norm() < 0.05
    assert (rows[2] - rows[3]).norm() < 0.05
    assert (rows[0] - rows[4]).norm() > 0.5
