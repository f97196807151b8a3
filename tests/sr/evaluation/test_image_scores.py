"""Means of scores, their intervals over images, and differences that are paired."""

import json

import numpy as np
import pytest

from shared.files import without_nan
from sr.evaluation.image_scores import Bootstrap, ImageScores, format_difference

VALUES = np.array([[30.0, 24.0, 27.0, 33.0], [20.0, 24.0, 27.0, 21.0]])  # (D, N)


def of_psnr(psnr: np.ndarray) -> ImageScores:
    return ImageScores(psnr, np.full(psnr.shape, 0.5))


def test_intervals_are_over_images():
    scores, bootstrap = of_psnr(VALUES), Bootstrap(400, 0)
    assert scores.mean() == pytest.approx(25.75)
    assert scores.mean("ssim") == 0.5
    low, high = scores.interval(bootstrap=bootstrap)
    assert low < 25.75 < high
    deviation = VALUES.mean(0).std(ddof=1) / 2  # standard error of the mean of four
    assert high - low == pytest.approx(2 * 3.18 * deviation, rel=0.4)  # as wide as that of Student's t
    assert scores.interval("ssim", bootstrap) == (0.5, 0.5)
    assert scores.interval(bootstrap=Bootstrap(9, 1)) != scores.interval(bootstrap=Bootstrap(9, 0))
    assert np.isnan(scores.interval(bootstrap=Bootstrap(0, 0))[0])
    assert np.isnan(of_psnr(VALUES[:, :1]).interval()[0])


def test_differences_are_paired_image_by_image():
    difference, interval = of_psnr(VALUES + 1).ahead_of(of_psnr(VALUES), Bootstrap(400, 0))
    assert difference == 1
    assert interval == (1, 1)
    losses = np.array([[0.0, 1.0, 2.0, 3.0]] * 2)
    difference, (low, high) = of_psnr(VALUES).ahead_of(of_psnr(VALUES - losses), Bootstrap(400, 0))
    assert difference == pytest.approx(1.5)
    assert (low, high) == of_psnr(losses).interval(bootstrap=Bootstrap(400, 0))


def test_some_degradations_alone():
    scores = ImageScores(VALUES, VALUES / 100).select([1])
    assert scores.psnr.shape == (1, 4)
    assert scores.mean() == pytest.approx(23)
    assert scores.mean("ssim") == pytest.approx(0.23)


def test_scores_as_json():
    scores, bootstrap = of_psnr(VALUES), Bootstrap(50, 0)
    found = json.loads(json.dumps(scores.to_dict(bootstrap)))
    assert set(found) == {"psnr_y", "ssim_y"}
    assert found["psnr_y"] == {
        "mean": pytest.approx(25.75),
        "interval": list(scores.interval(bootstrap=bootstrap)),
        "per_degradation": [28.5, 23.0],
    }
    assert scores.summarize(bootstrap)["psnr_y"] == {name: found["psnr_y"][name] for name in ("mean", "interval")}
    assert scores.summarize(Bootstrap(0, 0))["ssim_y"] == {"mean": 0.5, "interval": None}


def test_empty_scores_are_nan():
    empty = ImageScores.empty(2, 3)
    assert empty.psnr.shape == empty.ssim.shape == (2, 3)
    empty.psnr[:] = 1
    assert without_nan(empty.to_dict())["ssim_y"] == {"mean": None, "interval": None, "per_degradation": [None] * 2}


@pytest.mark.parametrize(
    ("interval", "text"), [((0.481, 0.5551), "+0.52 [+0.48, +0.56]"), ((float("nan"), float("nan")), "+0.52")]
)
def test_differences_have_a_sign(interval, text):
    assert format_difference(0.52, interval) == text
