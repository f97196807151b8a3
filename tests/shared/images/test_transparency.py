"""Compositing over mid-gray."""

import numpy as np
import pytest

from shared.images import composite_over_gray, fill_hidden_colours


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_result_is_the_mean_of_colour_and_mid_gray_by_opacity(dtype, channels):
    largest = np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    colours = rng.integers(0, largest + 1, (40, 50, channels), dtype)
    alpha = rng.integers(0, largest + 1, (40, 50, 1), dtype)
    alpha[0], alpha[1] = 0, largest
    result = composite_over_gray(colours, alpha)
    opacity = alpha.astype(np.float64) / largest
    expected = colours * opacity + 128 / 255 * largest * (1 - opacity)
    assert result.dtype == dtype
    assert np.abs(result - expected).max() <= 0.51
    assert np.all(result[0] == 128 * (largest // 255))
    assert np.array_equal(result[1], colours[1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_hidden_pixels_take_the_colour_of_the_nearest_visible_one(dtype, channels):
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 250, (23, 31, channels + 1), dtype)
    pixels[..., -1] *= rng.random((23, 31)) < 0.05
    filled = fill_hidden_colours(pixels)
    visible = np.argwhere(pixels[..., -1] > 0)
    for row, column in np.argwhere(pixels[..., -1] == 0):
        distance = np.hypot(*(visible - (row, column)).T)
        near = visible[distance <= distance.min() * 1.05]  # OpenCV's distances are approximate
        assert any(np.array_equal(filled[row, column, :-1], pixels[r, c, :-1]) for r, c in near)
    assert np.array_equal(filled[..., -1], pixels[..., -1])
    assert np.array_equal(filled[pixels[..., -1] > 0], pixels[pixels[..., -1] > 0])


@pytest.mark.parametrize("alpha", [0, 255])
def test_an_image_without_an_edge_of_transparency_stays_as_it_is(alpha):
    pixels = np.full((20, 20, 4), alpha, np.uint8)
    assert fill_hidden_colours(pixels) is pixels
