"""Tiles cover an image, and their results add up."""

import pytest
import torch
from torch import Tensor

from shared.images import Window
from sr.upscaling.tiles import MIN_TILE, Tiling, blend_tiles, count_tiles, split_axis


@pytest.mark.parametrize(("length", "expected"), [(16, 1), (96, 1), (97, 2), (160, 2), (161, 3), (1000, 16)])
def test_tiles_cover_an_axis_and_start_at_multiples(length, expected):
    tiling = Tiling(96, 16)
    found = split_axis(length, tiling)
    assert len(found) == expected
    assert count_tiles(length, 97, tiling) == 2 * expected
    covered = torch.zeros(length)
    for span in found:
        assert span.start % 32 == 0
        assert 0 <= span.start <= span.begin < span.end <= span.stop <= length
        assert span.stop - span.start <= 96
        covered[span.begin : span.end] += 1
    assert covered.min() == 1
    assert covered.max() <= 2
    assert int((covered == 2).sum()) == 8 * (len(found) - 1)


@pytest.mark.parametrize("size", [(16, 16), (100, 300), (97, 40), (250, 161)])
@pytest.mark.parametrize("tiling", [Tiling(64, 16), Tiling(96, 0), Tiling(128, 32)])
def test_rectangles_cover_the_result_once_and_weights_add_up(size, tiling):
    height, width = size
    image = torch.rand(2, height, width, dtype=torch.float64)

    def double(window: Window) -> Tensor:
        return window.crop(image).repeat_interleave(2, -1).repeat_interleave(2, -2)

    result, times = torch.zeros(2, 2 * height, 2 * width, dtype=torch.float64), torch.zeros(2 * height, 2 * width)
    for top, left, part in blend_tiles(height, width, 2, tiling, double):
        result[:, top : top + part.shape[1], left : left + part.shape[2]] = part
        times[top : top + part.shape[1], left : left + part.shape[2]] += 1
    assert (times == 1).all()
    assert torch.allclose(result, double(Window(0, 0, height, width)))


def test_half_of_a_tiling_is_valid():
    for tile in range(96, 1025, 32):
        for overlap in range(0, tile // 4 + 1, 16):
            tiling = Tiling(tile, overlap)
            while tiling.tile > MIN_TILE:
                smaller = tiling.halve()
                smaller.check()
                assert smaller.tile < tiling.tile
                tiling = smaller
