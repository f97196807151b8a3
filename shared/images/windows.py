"""Rectangular windows of images, and grids of them."""

from typing import NamedTuple

from torch import Tensor


class Window(NamedTuple):
    """A rectangle of an image, in pixels from its upper left corner."""

    top: int
    left: int
    height: int
    width: int

    def crop(self, image: Tensor) -> Tensor:
        """Returns this part of an image (..., H, W) as a view."""
        return image[..., self.top : self.top + self.height, self.left : self.left + self.width]


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
    rows = min(count, max(1, round((count * height / width) ** 0.5)))
    columns = max(1, round(count / rows))
    tops = {round((height - window_height) * (i + 0.5) / rows) for i in range(rows)}
    lefts = {round((width - window_width) * (i + 0.5) / columns) for i in range(columns)}
    return [Window(top, left, window_height, window_width) for top in sorted(tops) for left in sorted(lefts)]
