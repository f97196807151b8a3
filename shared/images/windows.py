"""Windows of images, and grids of them."""

from typing import NamedTuple

from torch import Tensor


class Window(NamedTuple):
    """A rectangle of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def crop(self, image: Tensor) -> Tensor:
        """This part of an image (..., H, W), as a view."""
        return image[..., self.top : self.top + self.height, self.left : self.left + self.width]


def spread_windows(height: int, width: int, side: int, count: int) -> list[Window]:
    """Spreads windows evenly over an image, each in the middle of its share of the image.

    Args:
        height, width: sides of the image in pixels.
        side: largest side of a window in pixels; a smaller image gives windows of its own height or width.
        count: wanted number of windows, at least 1; the grid comes near it, and windows that coincide are one.

    Returns:
        Windows of one size, row by row.
    """
    window_height, window_width = min(side, height), min(side, width)
    rows = min(count, max(1, round((count * height / width) ** 0.5)))
    columns = max(1, round(count / rows))
    tops = {round((height - window_height) * (i + 0.5) / rows) for i in range(rows)}
    lefts = {round((width - window_width) * (i + 0.5) / columns) for i in range(columns)}
    return [Window(top, left, window_height, window_width) for top in sorted(tops) for left in sorted(lefts)]
