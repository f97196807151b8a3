"""Sharpening of images (B, V, C, H, W)."""

import torch
import torch.nn.functional as F
from torch import Tensor

_RADIUS = 25  # pixels
_SIGMA = 8.0  # pixels; what OpenCV takes for a kernel of 51 pixels
UNSHARP_MASK_REACH = 2 * _RADIUS  # of two Gaussians, one after the other


def unsharp_mask(images: Tensor, amount: Tensor, threshold: Tensor) -> Tensor:
    """Adds a part of what a wide Gaussian removes, where that is more than a threshold.

    Args:
        images: Images, (B, V, C, H, W) in [0, 1].
        amount: Factor of what is added, (B,).
        threshold: Smallest difference that counts, in units of [0, 1], (B,).

    Returns:
        Images, (B, V, C, H, W) in [0, 1].

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, section 4.2, sharpens its ground truth so.
    """
    residual = images - _blur(images)
    is_edge = residual.abs() > threshold.to(images).view(-1, 1, 1, 1, 1)
    share = _blur(is_edge.to(images))
    sharp = (images + amount.to(images).view(-1, 1, 1, 1, 1) * residual).clamp_(0, 1)
    return torch.lerp(images, sharp, share)


def _blur(images: Tensor) -> Tensor:
    b, v, c, h, w = images.shape
    radius = min(_RADIUS, h - 1, w - 1)
    offset = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    taps = torch.softmax(-0.5 * (offset / _SIGMA).square(), 0)
    planes = F.pad(images.reshape(b * v * c, 1, h, w), (radius,) * 4, mode="reflect")
    rows = F.conv2d(planes, taps.view(1, 1, -1, 1))
    return F.conv2d(rows, taps.view(1, 1, 1, -1)).view(b, v, c, h, w)
