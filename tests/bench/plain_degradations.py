"""Plain batched degradation, as is usual in super-resolution code: the reference for `shared.degradations`.

Kernels are applied by one grouped convolution at full resolution, the batch folded into the channels of one image with
reflected borders; bicubic down-sampling gathers the taps of every output pixel, one axis after the other.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

KERNEL_SIZE = 21
MIN_TAP = 1e-20  # smaller taps become denormal numbers, which slow a CPU tenfold and are not compared here


@dataclass(frozen=True)
class Widths:
    """Widths of anisotropic Gaussians: standard deviations in pixels and the angle in radians, (B,) each."""

    sigma_x: Tensor
    sigma_y: Tensor
    theta: Tensor


def draw_widths(count: int, generator: torch.Generator, device: torch.device) -> Widths:
    """Draws widths from U[0.2, 4] and angles from U[0, pi]."""
    uniform = torch.rand(3, count, generator=generator).to(device)
    return Widths(0.2 + 3.8 * uniform[0], 0.2 + 3.8 * uniform[1], math.pi * uniform[2])


def gaussian_kernels(widths: Widths) -> Tensor:
    """Computes kernels of sum 1 from their inverse covariances, (B, 21, 21)."""
    cos, sin = widths.theta.cos(), widths.theta.sin()
    rotation = torch.stack((torch.stack((cos, -sin), 1), torch.stack((sin, cos), 1)), 1)  # (B, 2, 2)
    precision = torch.diag_embed(torch.stack((widths.sigma_x**-2, widths.sigma_y**-2), 1))
    inverse = rotation @ precision @ rotation.transpose(1, 2)
    axis = torch.arange(KERNEL_SIZE, device=cos.device) - KERNEL_SIZE // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack((x, y), -1).reshape(-1, 2).to(cos.dtype)  # (441, 2)
    distance = ((points @ inverse) * points).sum(-1)  # (B, 441)
    weights = torch.exp(-0.5 * distance)
    weights = weights.where(weights > MIN_TAP, 0.0)
    return (weights / weights.sum(1, keepdim=True)).view(-1, KERNEL_SIZE, KERNEL_SIZE)


def blur(images: Tensor, kernels: Tensor) -> Tensor:
    """Blurs images (B, V, C, H, W) with kernels (B, k, k); each channel of each image is a group of the convolution."""
    b, v, c, h, w = images.shape
    padded = F.pad(images.reshape(b, v * c, h, w), (KERNEL_SIZE // 2,) * 4, mode="reflect")
    folded = padded.reshape(1, b * v * c, *padded.shape[-2:])
    weights = kernels[:, None].repeat_interleave(v * c, 0)  # (B * V * C, 1, k, k)
    return F.conv2d(folded, weights, groups=b * v * c).view(b, v, c, h, w)


def bicubic_by_gathering(images: Tensor, scale: int) -> Tensor:
    """Down-samples the last two axes with antialiased bicubic, a = -0.5; taps outside use the edge pixel."""
    for axis in (-2, -1):
        weights, indices = _compute_taps(images.shape[axis], scale, images)
        gathered = images.index_select(axis, indices.flatten()).unflatten(axis, indices.shape)
        shape = (*weights.shape, 1) if axis == -2 else weights.shape
        images = (gathered * weights.view(shape)).sum(axis)  # (out, taps) -> out
    return images


def _compute_taps(size: int, scale: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Computes weights and indices of the source pixels per output pixel, (size / scale, 4 * scale + 2) each."""
    centre = (torch.arange(size // scale, dtype=torch.float64, device=like.device) + 0.5) * scale - 0.5
    first = (centre - 2 * scale).floor()
    indices = first[:, None] + torch.arange(4 * scale + 2, dtype=torch.float64, device=like.device)
    distance = ((centre[:, None] - indices) / scale).abs()
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))
    weights = weights / weights.sum(1, keepdim=True)
    return weights.to(like.dtype), indices.long().clamp(0, size - 1)


def degrade_plainly(images: Tensor, widths: Widths, scale: int) -> Tensor:
    """Blurs, down-samples if the scale is above 1 and rounds to 8 bits, (B, V, C, H, W) in [0, 1]."""
    blurred = blur(images, gaussian_kernels(widths))
    small = bicubic_by_gathering(blurred, scale) if scale > 1 else blurred
    return (small * 255).round().clamp(0, 255) / 255
