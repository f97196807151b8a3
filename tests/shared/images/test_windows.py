"""Windows and grids of them."""

import pytest
import torch

from shared.images import Window, spread_windows


def test_a_window_is_a_part_of_an_image():
    image = torch.arange(2 * 5 * 7).view(2, 5, 7)
    part = Window(1, 2, 3, 4).crop(image)
    assert torch.equal(part, image[:, 1:4, 2:6])
    assert part.data_ptr() == image[:, 1:, 2:].data_ptr()


@pytest.mark.parametrize(
    ("height", "width", "least"), [(1000, 2000, 10), (60, 60, 1), (20, 5000, 10), (5000, 20, 10), (300, 40, 10)]
)
def test_windows_are_spread_over_the_image(height, width, least):
    windows = spread_windows(height, width, 48, 16)
    assert least <= len(windows) <= 24
    assert len(set(windows)) == len(windows)
    assert {(window.height, window.width) for window in windows} == {(min(48, height), min(48, width))}
    assert all(window.top >= 0 and window.left >= 0 for window in windows)
    assert all(w.top + w.height <= height and w.left + w.width <= width for w in windows)
    first, last = windows[0], windows[-1]
    assert abs(first.top - (height - last.top - last.height)) <= 1
    assert abs(first.left - (width - last.left - last.width)) <= 1


def test_windows_that_coincide_are_one():
    assert spread_windows(40, 30, 48, 16) == [Window(0, 0, 40, 30)]
    assert spread_windows(49, 48, 48, 16) == [Window(0, 0, 48, 48), Window(1, 0, 48, 48)]
