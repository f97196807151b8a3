import math

import numpy as np
import pytest
import torch

from shared.readings.windows import MIN_WEIGHT, WINDOWS, cut_windows, draw_places, measure_texture, pool


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 200), (480, 320), (4000, 3000)])
@pytest.mark.parametrize("count", [1, 2, 4, WINDOWS])
def test_windows_lie_inside_and_are_spread(height, width, count):
    places = draw_places(height, width, 64, count, torch.Generator().manual_seed(0))
    assert places.dtype == torch.int64
    assert 1 <= len(places) <= 1.5 * count
    assert places.min() >= 0
    assert int(places[:, 0].max()) + 64 <= height
    assert int(places[:, 1].max()) + 64 <= width
    if count == WINDOWS and min(height, width) > 300:
        thirds = {(3 * top // height, 3 * left // width) for top, left in places.tolist()}
        assert len(thirds) >= 6


def test_windows_lie_anywhere_to_the_blocks_of_a_jpeg():
    generator = torch.Generator().manual_seed(0)
    places = torch.cat([draw_places(512, 512, 64, WINDOWS, generator) for _ in range(40)])
    assert torch.bincount(places[:, 0] % 8, minlength=8).min() > 40


def test_windows_are_what_slices_cut():
    image = torch.randint(256, (3, 90, 120), dtype=torch.uint8)
    places = torch.tensor([[0, 0], [26, 56], [3, 17]])
    windows = cut_windows(image, places, 64)
    for window, (top, left) in zip(windows, places.tolist(), strict=True):
        assert torch.equal(window, image[:, top : top + 64, left : left + 64])


def test_the_mean_is_weighted_by_texture():
    flat, checks = torch.full((3, 8, 8), 7, dtype=torch.uint8), torch.zeros(3, 8, 8, dtype=torch.uint8)
    checks[:, ::2] = 100
    texture = measure_texture(torch.stack((flat, checks)))
    assert texture[0] == 0
    assert texture[1] == pytest.approx(50, rel=0.01)
    features = pool(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), texture.numpy())
    total = 2 * MIN_WEIGHT + float(texture[1])
    np.testing.assert_allclose(features[:2], [MIN_WEIGHT / total, 1 - MIN_WEIGHT / total], rtol=1e-5)
    assert features[2] == pytest.approx(math.log(2))
    assert features[3] == pytest.approx(math.log(total / 2), rel=1e-5)
