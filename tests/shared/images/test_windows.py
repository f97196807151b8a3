"""Windows and grids of them."""

from itertools import pairwise

import pytest
import torch

from shared.images import CANDIDATES, Window, choose_textured, cut_textured_windows, list_candidates, spread_windows


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


@pytest.mark.parametrize(("height", "width"), [(49, 48), (300, 40), (20, 200), (1000, 777)])
def test_candidates_reach_from_border_to_border(height, width):
    windows = list_candidates(height, width, 48)
    assert len(windows) == CANDIDATES**2
    assert {(window.height, window.width) for window in windows} == {(min(48, height), min(48, width))}
    for length, starts, ends in (
        (height, [w.top for w in windows], [w.top + w.height for w in windows]),
        (width, [w.left for w in windows], [w.left + w.width for w in windows]),
    ):
        assert min(starts) == 0
        assert max(ends) == length
        steps = [b - a for a, b in pairwise(sorted(set(starts)))]
        assert not steps or max(steps) - min(steps) <= 1


def test_the_windows_with_most_texture_are_chosen():
    flat = torch.full((3, 200, 200), 0.7)
    flat[:, 100:, :] = torch.rand(3, 100, 200, generator=torch.Generator().manual_seed(0))
    turned = flat.transpose(1, 2)
    windows = cut_textured_windows(torch.stack((flat, turned)), 40, 10)
    assert windows.shape == (2, 10, 3, 40, 40)
    rows = [window.crop(flat) for window in list_candidates(200, 200, 40) if window.top >= 100]
    assert len(rows) == 10
    assert torch.equal(windows[0], torch.stack(rows))
    columns = [window.crop(turned) for window in list_candidates(200, 200, 40) if window.left >= 100]
    assert torch.equal(windows[1], torch.stack(columns))


def test_chosen_windows_keep_their_order_in_an_image_without_texture_too():
    candidates = torch.arange(6).float().view(1, 6, 1, 1, 1).expand(1, 6, 3, 20, 20)
    assert choose_textured(candidates, 6).equal(candidates)
    assert choose_textured(candidates, 2).shape == (1, 2, 3, 20, 20)


@pytest.mark.parametrize("size", [(48, 48), (16, 48), (30, 20)])
def test_an_image_no_larger_than_a_window_is_the_window(size):
    images = torch.rand(2, 3, *size)
    assert torch.equal(cut_textured_windows(images, 48, 8), images[:, None])
