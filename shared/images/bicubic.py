"""Bicubic up-sampling by a whole factor, as one convolution: fast, exact at the borders, and exportable."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 2  # LR pixels to each side that an SR pixel depends on


def upsample_bicubic(images: Tensor, scale: int) -> Tensor:
    """Up-samples images bicubically, with a = -0.5 as in the protocol and replicate padding.

    Args:
        images: Images, (B, C, h, w).
        scale: Whole factor, at least 1.

    Returns:
        The up-sampled images, (B, C, scale * h, scale * w), not clipped.

    Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981.
    """
    b, c, h, w = images.shape
    padded = F.pad(images, (REACH,) * 4, mode="replicate").reshape(b * c, 1, h + 2 * REACH, w + 2 * REACH)
    filters = torch.tensor(_compute_filters(scale), dtype=images.dtype, device=images.device)
    phases = F.conv2d(padded, filters.view(scale**2, 1, 2 * REACH + 1, 2 * REACH + 1))  # (B C, scale^2, h, w)
    return F.pixel_shuffle(phases, scale).reshape(b, c, scale * h, scale * w)


@lru_cache(maxsize=8)
def _compute_filters(scale: int) -> tuple[float, ...]:
    """Computes the 5 x 5 taps of each SR pixel within an LR pixel, row by row.

    They are plain numbers, since a tensor that is cached while a model is exported would be a traced one.
    """
    offset = (np.arange(scale) + 0.5) / scale - 0.5  # distance of each SR pixel from its LR pixel
    distance = np.abs(np.arange(-REACH, REACH + 1) - offset[:, None])  # (scale, 5)
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    return tuple(np.einsum("pi,qj->pqij", taps, taps).ravel().tolist())
