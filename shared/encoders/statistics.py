"""Hand-made statistics of an image: what a learned degradation encoder has to beat."""

import torch
import torch.nn.functional as F
from torch import Tensor

from shared.encoders.bands import to_gray
from shared.encoders.timm_backbone import MIN_IMAGE_SIDE

SCALES = 3  # of the smallest image, MIN_IMAGE_SIDE a side, 4 x 4 pixels are left at the coarsest
ENERGY_FLOOR = 1e-8  # a root mean square of 1/40 of an 8-bit level: keeps flat images finite and away from the rest
STATISTICS = ("horizontal", "vertical", "diagonal", "antidiagonal", "laplacian")


def degradation_statistics(images: Tensor) -> Tensor:
    """Log energies of gradients and Laplacians at three scales.

    Of the gray image g (Rec. 601 luma), and of its 2x2 averages, and of theirs, the log of the mean square
    over all positions inside the image, plus 1e-8, of

    - horizontal: g[y, x + 1] - g[y, x]
    - vertical: g[y + 1, x] - g[y, x]
    - diagonal: (g[y + 1, x + 1] - g[y, x]) / sqrt 2, towards the lower right
    - antidiagonal: (g[y + 1, x] - g[y, x + 1]) / sqrt 2, towards the lower left
    - laplacian: 4 g[y, x] minus its four neighbours

    Blur lowers the fine scales against the coarse ones, noise raises them, and an elongated kernel lowers one
    direction against the others. An odd last row or column is dropped before averaging.

    Args:
        images: (B, 3, H, W) RGB in [0, 1], H and W at least 16.

    Returns:
        (B, 15) float32, finite: the five statistics of the finest scale, then those of the next.

    Raises:
        ValueError: the images have another shape or are too small.
    """
    if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < MIN_IMAGE_SIDE:
        raise ValueError(
            f"statistics take RGB images (B, 3, H, W) with H, W >= {MIN_IMAGE_SIDE}, got {tuple(images.shape)}"
        )
    gray = to_gray(images)
    energies = []
    for scale in range(SCALES):
        if scale:
            gray = F.avg_pool2d(gray, 2)
        energies.append(_energies(gray))
    return torch.log(torch.cat(energies, dim=1) + ENERGY_FLOOR)


def _energies(gray: Tensor) -> Tensor:
    """Mean squares (B, 5) of the filters in the order of STATISTICS, of images (B, 1, H, W)."""
    responses = (
        gray[..., :, 1:] - gray[..., :, :-1],
        gray[..., 1:, :] - gray[..., :-1, :],
        (gray[..., 1:, 1:] - gray[..., :-1, :-1]) / 2**0.5,
        (gray[..., 1:, :-1] - gray[..., :-1, 1:]) / 2**0.5,
        4 * gray[..., 1:-1, 1:-1]
        - (gray[..., :-2, 1:-1] + gray[..., 2:, 1:-1] + gray[..., 1:-1, :-2] + gray[..., 1:-1, 2:]),
    )
    return torch.stack([response.square().mean(dim=(1, 2, 3)) for response in responses], dim=1)
