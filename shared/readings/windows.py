"""Windows of photographs, and what an encoder tells of a photograph through them."""

import numpy as np
import torch
from torch import Tensor

from shared.images.windows import choose_grid

WINDOWS = 16  # of a photograph that is large enough
SUMMARIES = 2  # features beside the mean vector, see `pool`
LOG_WINDOWS = -2  # their index of the logarithm of the number of windows
MIN_WEIGHT = 1.0  # 8-bit levels, added to the texture of a window: a flat one weighs little, but something


def draw_places(height: int, width: int, side: int, count: int, generator: torch.Generator) -> Tensor:
    """Draws a window in each cell of a grid over an image, at any offset to the grid of blocks of a JPEG.

    Args:
        height, width: Size of the image in pixels, each at least `side`.
        side: Side of the windows in pixels.
        count: Approximate number of windows, at least 1.
        generator: Source of the places.

    Returns:
        Top and left of K windows, (K, 2) int64.
    """
    rows, columns = choose_grid(height, width, count)
    cell = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).view(-1, 2)
    place = (cell + torch.rand(len(cell), 2, generator=generator)) / torch.tensor([rows, columns])
    return (place * torch.tensor([height - side + 1, width - side + 1])).long()


def cut_windows(image: Tensor, places: Tensor, side: int) -> Tensor:
    """Cuts windows (K, C, side, side) out of an image (C, H, W), given their top and left, (K, 2)."""
    offset = torch.arange(side)
    rows, columns = (places[:, i, None] + offset for i in (0, 1))  # (K, side) each
    return image[:, rows[:, :, None], columns[:, None, :]].movedim(0, 1)


def measure_texture(windows: Tensor) -> Tensor:
    """Measures the contrast of windows (K, C, p, p) uint8: the standard deviation in 8-bit levels, (K,)."""
    return windows.float().mean(-3).flatten(-2).std(-1)


def pool(vectors: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Pools what an encoder tells of the windows of a photograph.

    Args:
        vectors: Vector of each window, (K, D).
        texture: Contrast of each, (K,), see `measure_texture`.

    Returns:
        (D + SUMMARIES,) float32: the mean vector, weighted by the texture, since little can be read where nothing is to
        be seen; and how much it is worth: the logarithms of the number of windows and of their mean texture.
    """
    weight = texture + MIN_WEIGHT
    mean = (vectors * weight[:, None]).sum(0) / weight.sum()
    return np.append(mean, [np.log(len(vectors)), np.log(weight.mean())]).astype(np.float32)
