"""Hand-made statistics of images, the baseline of learned degradation encoders."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.encoders.bands import to_gray
from shared.encoders.encoder import Representation
from shared.encoders.timm_backbone import MIN_IMAGE_SIDE

NUMBER_OF_SCALES = 3  # at the coarsest, 4 x 4 pixels remain of the smallest images
MIN_ENERGY = 1e-8  # a root mean square of 1/40 of an 8-bit level, which keeps flat images finite
STATISTICS = ("horizontal", "vertical", "diagonal", "antidiagonal", "laplacian")


class StatisticsEncoder(nn.Module):
    """The statistics as an encoder without weights, whose map has one position.

    Attributes:
        dim, channels: As in `Encoder`.
    """

    dim = NUMBER_OF_SCALES * len(STATISTICS)
    channels = (dim,)

    def forward(self, images: Tensor) -> Representation:
        """Computes `degradation_statistics` of images (B, 3, H, W) in [0, 1]."""
        vector = degradation_statistics(images)
        return Representation(vector, (vector[:, :, None, None],))


def degradation_statistics(images: Tensor) -> Tensor:
    """Computes log energies of gradients and Laplacians at three scales.

    The scales are the gray image g (Rec. 601 luma), its 2x2 averages, and their 2x2 averages. Each statistic is the
    logarithm of 1e-8 plus the mean square, over all positions inside the image, of

    - horizontal: g[y, x + 1] - g[y, x]
    - vertical: g[y + 1, x] - g[y, x]
    - diagonal: (g[y + 1, x + 1] - g[y, x]) / sqrt 2, towards the lower right
    - antidiagonal: (g[y + 1, x] - g[y, x + 1]) / sqrt 2, towards the lower left
    - laplacian: 4 g[y, x] minus its four neighbours

    Compared with the coarse scales, blur lowers the fine ones and noise raises them; an elongated kernel lowers one
    direction compared with the others. An odd last row or column is dropped before averaging.

    Args:
        images: RGB images, (B, 3, H, W) in [0, 1]; H and W are at least 16.

    Returns:
        Statistics, (B, 15) float32, finite: five of the finest scale, then five of each coarser one.

    Raises:
        ValueError: The images have another shape or are too small.
    """
    if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < MIN_IMAGE_SIDE:
        raise ValueError(
            f"statistics need RGB images (B, 3, H, W) with H, W >= {MIN_IMAGE_SIDE}, got {tuple(images.shape)}"
        )
    gray = to_gray(images)
    energies = []
    for scale in range(NUMBER_OF_SCALES):
        if scale:
            gray = F.avg_pool2d(gray, 2)
        energies.append(_compute_energies(gray))
    return torch.log(torch.cat(energies, dim=1) + MIN_ENERGY)


def _compute_energies(gray: Tensor) -> Tensor:
    """Computes the mean squares, (B, 5) in the order of STATISTICS, of the filtered images (B, 1, H, W)."""
    responses = (
        gray[..., :, 1:] - gray[..., :, :-1],
        gray[..., 1:, :] - gray[..., :-1, :],
        (gray[..., 1:, 1:] - gray[..., :-1, :-1]) / 2**0.5,
        (gray[..., 1:, :-1] - gray[..., :-1, 1:]) / 2**0.5,
        4 * gray[..., 1:-1, 1:-1]
        - (gray[..., :-2, 1:-1] + gray[..., 2:, 1:-1] + gray[..., 1:-1, :-2] + gray[..., 1:-1, 2:]),
    )
    return torch.stack([response.square().mean(dim=(1, 2, 3)) for response in responses], dim=1)
