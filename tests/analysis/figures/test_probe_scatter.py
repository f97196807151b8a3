"""What the figure of true against predicted parameters shows."""

import numpy as np

from analysis.figures.probe_scatter import probe_scatter
from analysis.figures.style import COLOURS
from tests.analysis.figures.figure_examples import GRID, sine_and_cosine


def test_predictions_outside_the_frame_are_counted():
    true = np.tile([20.0, 100.0], 500)
    predicted = true.copy()
    predicted[0] = 1e5
    (axes,) = probe_scatter({"jpeg_quality": (true, predicted)}, {}, encoder="a").axes
    assert axes.get_xlabel() == "true (100: uncompressed)\n1 prediction is outside the frame"


def medians(axes):
    """True and predicted values at which the medians of the predictions are drawn, (2, M)."""
    marks = [line for line in axes.lines if line.get_marker() == "o" and line.get_color() == COLOURS[1]]
    return np.concatenate([np.stack(line.get_data(), -1) for line in marks]).T


def test_predictions_are_shown_in_the_units_of_the_axes():
    reading = {"log_sigma": (np.log(GRID), np.log(2 * GRID)), "noise_sigma": (GRID / 255, 3 * GRID / 255)}
    blur, noise = probe_scatter(reading, {"log_sigma": 0.5, "noise_sigma": -0.25}, encoder="a").axes
    assert blur.get_xscale() == blur.get_yscale() == "log"
    for axes, factor in ((blur, 2), (noise, 3)):
        true, predicted = medians(axes)
        np.testing.assert_allclose(true, np.unique(GRID))
        np.testing.assert_allclose(predicted, factor * true)
    assert blur.get_title("left") == "blur width, R² 0.50"
    assert noise.get_title("left") == "noise, R² \N{MINUS SIGN}0.25"


def test_nearly_equal_angles_are_drawn_so_across_the_period():
    true = np.repeat([0.0, 90.0], 100)
    off = np.tile([-4.0, 2.0], 100)  # 176 and 2 degrees are both near 0
    reading = {"angle": (sine_and_cosine(true), sine_and_cosine(true + off))}
    (axes,) = probe_scatter(reading, {"angle": 0.9}, encoder="a").axes
    centre, predicted = medians(axes)
    off = (predicted - centre + 90) % 180 - 90
    np.testing.assert_allclose(off, -1, atol=1e-6)
    low, high = axes.get_ylim()
    inside = [x for x, y in zip(centre, predicted, strict=True) if low < y < high]
    assert sorted(np.round(inside)) == [0, 0, 90]  # at both ends of the axis


def test_many_true_values_are_grouped():
    true = np.linspace(0, 1, 240)
    (axes,) = probe_scatter({"anisotropy": (true, true)}, {"anisotropy": 1.0}, encoder="a").axes
    centre, predicted = medians(axes)
    assert len(centre) == 12
    np.testing.assert_allclose(predicted, centre)
