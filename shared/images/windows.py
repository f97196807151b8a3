"""Rectangular windows of images, and grids of them."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

CANDIDATES = 5  # windows along each axis that `choose_textured` chooses from


class Window(NamedTuple):
    """A rectangle of an image, in pixels from its upper left corner."""

    top: int
    left: int
    height: int
    width: int

    def crop(self, image: Tensor) -> Tensor:
        """Returns this part of an image (..., H, W) as a view."""
        return image[..., self.top : self.top + self.height, self.left : self.left + self.width]


def choose_grid(height: int, width: int, count: int) -> tuple[int, int]:
    """Chooses the rows and columns of about `count` nearly square cells over an image of a size in pixels."""
    rows = min(count, max(1, round((count * height / width) ** 0.5)))
    return rows, max(1, round(count / rows))


def spread_windows(height: int, width: int, side: int, count: int) -> list[Window]:
    """Spreads a grid of windows evenly over an image, each in the centre of its cell.

    Args:
        height, width: Size of the image in pixels.
        side: Side of the windows in pixels; on a smaller image they have its height or width instead.
        count: Approximate number of windows, at least 1. Windows that would coincide are returned once.

    Returns:
        Windows of equal size, row by row.
    """
    window_height, window_width = min(side, height), min(side, width)
    rows, columns = choose_grid(height, width, count)
    tops = {round((height - window_height) * (i + 0.5) / rows) for i in range(rows)}
    lefts = {round((width - window_width) * (i + 0.5) / columns) for i in range(columns)}
    return [Window(top, left, window_height, window_width) for top in sorted(tops) for left in sorted(lefts)]


def list_candidates(height: int, width: int, side: int) -> list[Window]:
    """Lists the windows that `choose_textured` chooses from: a grid spread evenly over an image, from border to border.

    Exportable: height and width may be symbols.

    Args:
        height, width: Size of the image in pixels.
        side: Side of the windows in pixels; on a smaller image they have its height or width instead.
    """
    window_height: Any = torch.sym_min(side, height)
    window_width: Any = torch.sym_min(side, width)
    tops = [(height - window_height) * i // (CANDIDATES - 1) for i in range(CANDIDATES)]
    lefts = [(width - window_width) * i // (CANDIDATES - 1) for i in range(CANDIDATES)]
    return [Window(top, left, window_height, window_width) for top in tops for left in lefts]


def choose_textured(candidates: Tensor, count: int) -> Tensor:
    """Chooses the windows with most texture: where nothing is to be seen, as in a clear sky, no blur can be read.

    Args:
        candidates: Windows of each image, (B, N, C, h, w).
        count: K, number of windows that are chosen, at most N.

    Returns:
        The windows, (B, K, C, h, w), in their order.
    """
    gray = candidates.float().mean(2)
    texture = gray.diff(dim=-1).square().mean((2, 3)) + gray.diff(dim=-2).square().mean((2, 3))  # (B, N)
    chosen = texture.topk(count, dim=1).indices.sort(1).values
    return candidates.gather(1, chosen[:, :, None, None, None].expand(-1, -1, *candidates.shape[2:]))


def cut_textured_windows(images: Tensor, side: int, count: int) -> Tensor:
    """Cuts the windows with most texture out of images.

    Args:
        images: Images, (B, C, H, W).
        side: Side of the windows in pixels, see `list_candidates`.
        count: K, number of windows, at most `CANDIDATES` squared.

    Returns:
        The windows, (B, K, C, h, w); of images no larger than a window the whole images, K = 1.
    """
    height, width = images.shape[-2:]
    if not torch.compiler.is_exporting() and height <= side and width <= side:
        return images[:, None]
    candidates = [window.crop(images) for window in list_candidates(height, width, side)]
    return choose_textured(torch.stack(candidates, 1), count)
