"""The pictures that a run writes to TensorBoard."""

import itertools

import pytest
import torch

from shared.images import upsample_bicubic
from sr.training.config import SRConfig
from sr.training.monitoring import HEADER, draw_panel


@pytest.mark.parametrize("scale", [2, 3])
def test_a_panel_is_lr_sr_hr_and_bicubic_side_by_side(scale):
    lr_image = 0.2 + 0.6 * torch.rand(3, 3, 5, 6)
    sr_image, hr_image = (0.9 * torch.rand(3, 3, 5 * scale, 6 * scale) for _ in range(2))
    sr_image[0, :, 2, 3], sr_image[1, :, 3, 2] = 1.5, -0.5
    picture = draw_panel((lr_image, sr_image.bfloat16(), hr_image), rows=2)
    assert picture.dtype == torch.uint8
    assert (picture[:, :HEADER] < 128).any()  # the names of the columns
    picture = picture[:, HEADER:]
    drawn = (picture < 255).any(0)
    rows, columns = find_runs(drawn.any(1)), find_runs(drawn.any(0))
    assert [row.stop - row.start for row in rows] == [5 * scale] * 2
    assert [column.stop - column.start for column in columns] == [6 * scale] * 4
    large_pixels = lr_image.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    expected = (large_pixels, sr_image.bfloat16().float(), hr_image, upsample_bicubic(lr_image, scale))
    for (i, row), (column, images) in itertools.product(enumerate(rows), zip(columns, expected, strict=True)):
        difference = picture[:, row, column] - 255 * images[i].clamp(0, 1)
        assert difference.abs().max() < 0.501


def find_runs(drawn):
    """Finds the runs of true values in a row of booleans."""
    edges = torch.diff(drawn.int(), prepend=torch.zeros(1).int(), append=torch.zeros(1).int()).nonzero().flatten()
    return [slice(*pair) for pair in edges.view(-1, 2).tolist()]


@pytest.mark.parametrize(("steps", "given", "interval"), [(1200, -1, 120), (25, -1, 3), (25, 0, 0), (25, 4, 4)])
def test_a_run_is_validated_ten_times_unless_an_option_says_otherwise(steps, given, interval):
    assert SRConfig(steps=steps, validate_every=given).validation_interval == interval
