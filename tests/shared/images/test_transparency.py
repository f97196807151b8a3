"""Compositing over mid-gray."""

import numpy as np
import pytest

from shared.images import composite_over_gray


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
