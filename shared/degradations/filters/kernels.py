"""Families of blur kernels: each is a function from parameters (B,) to kernels (B, size, size) of sum 1.

Coordinates are pixels from the centre of the kernel, x to the right and y down; `theta` (radians) rotates the x axis
towards the y axis. `size` is the odd side of the kernels in pixels.
"""

import math

import torch
from torch import Tensor

_MIN_SIGMA = 1e-3  # such a narrow Gaussian is the identity: the other taps underflow to 0


def _make_grid(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    axis = torch.arange(size, dtype=like.dtype, device=like.device) - size // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y  # (size, size) each


def _normalise(weights: Tensor) -> Tensor:
    return weights / weights.sum((1, 2), keepdim=True)


def _squared_mahalanobis(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor) -> Tensor:
    """Computes the squared distance from the centre in units of the two widths, (B, size, size)."""
    x, y = _make_grid(size, sigma_x)
    cos, sin = theta.cos()[:, None, None], theta.sin()[:, None, None]
    along = (cos * x + sin * y) / sigma_x.clamp(min=_MIN_SIGMA)[:, None, None]
    across = (cos * y - sin * x) / sigma_y.clamp(min=_MIN_SIGMA)[:, None, None]
    return along.square() + across.square()


def gaussian(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor) -> Tensor:
    """Makes Gaussian kernels, isotropic if both widths are equal; width 0 gives the identity.

    Args:
        size: Odd side of the kernels in pixels.
        sigma_x: Standard deviation along the axis at angle `theta` in pixels, (B,).
        sigma_y: Standard deviation across this axis in pixels, (B,).
        theta: Angle in radians, (B,).

    Returns:
        Kernels, (B, size, size), each of sum 1.

    Source: Wang et al., "Unsupervised Degradation Representation Learning", CVPR 2021, section 4.1. The widths that the
        paper calls lambda are standard deviations in its code, and here.
    """
    return _normalise(torch.exp(-0.5 * _squared_mahalanobis(size, sigma_x, sigma_y, theta)))


def generalized_gaussian(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor, beta: Tensor) -> Tensor:
    """Makes generalised Gaussian kernels exp(-q^beta / 2), where q is the squared Mahalanobis distance.

    Args:
        size, sigma_x, sigma_y, theta: See `gaussian`.
        beta: Shape, (B,), positive; 1 gives the Gaussian.

    Returns:
        Kernels, (B, size, size), each of sum 1.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, section 3.2.
    """
    q = _squared_mahalanobis(size, sigma_x, sigma_y, theta)
    return _normalise(torch.exp(-0.5 * q.pow(beta[:, None, None])))


def plateau(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor, beta: Tensor) -> Tensor:
    """Makes plateau-shaped kernels 1 / (1 + q^beta), where q is the squared Mahalanobis distance.

    Args:
        size, sigma_x, sigma_y, theta: See `gaussian`.
        beta: Shape, (B,), positive.

    Returns:
        Kernels, (B, size, size), each of sum 1.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, section 3.2.
    """
    q = _squared_mahalanobis(size, sigma_x, sigma_y, theta)
    return _normalise(1 / (1 + q.pow(beta[:, None, None])))


def sinc(size: int, cutoff: Tensor) -> Tensor:
    """Makes circular ideal low-pass kernels, whose negative lobes cause ringing.

    Args:
        size: Odd side of the kernels in pixels.
        cutoff: Cut-off frequency in radians per pixel, (B,), in (0, pi].

    Returns:
        Kernels, (B, size, size), each of sum 1.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, equation 6.
    """
    x, y = _make_grid(size, cutoff)
    radius = torch.hypot(x, y)
    omega = cutoff[:, None, None]
    away = omega * torch.special.bessel_j1(omega * radius) / (2 * math.pi * radius.clamp(min=0.5))
    centre = (omega.square() / (4 * math.pi)).expand_as(away)
    return _normalise(torch.where(radius > 0, away, centre))


def disk(size: int, radius: Tensor) -> Tensor:
    """Makes defocus kernels: uniform disks whose edge falls linearly over one pixel.

    Args:
        size: Odd side of the kernels in pixels.
        radius: Radius in pixels, (B,); 0 gives the identity.

    Returns:
        Kernels, (B, size, size), each of sum 1.
    """
    x, y = _make_grid(size, radius)
    return _normalise((radius[:, None, None] + 0.5 - torch.hypot(x, y)).clamp(0, 1))


def motion(size: int, length: Tensor, theta: Tensor, curvature: Tensor) -> Tensor:
    """Makes motion kernels: parabolas through the centre, exposed evenly in time.

    Args:
        size: Odd side of the kernels in pixels.
        length: Distance along the main direction in pixels, (B,), at most size - 1; 0 gives the identity.
        theta: Main direction in radians, (B,).
        curvature: Sagitta divided by the length, (B,): 0 is a straight line, 0.25 a strong bend.

    Returns:
        Kernels, (B, size, size), each of sum 1.
    """
    samples = 4 * size  # four exposures per pixel at full length, so that the trace has no gaps
    time = (torch.arange(samples, dtype=length.dtype, device=length.device) + 0.5) / samples - 0.5
    along = length[:, None] * time  # (B, samples)
    across = (4 * curvature * length)[:, None] * (time.square() - 1 / 12)
    cos, sin = theta.cos()[:, None], theta.sin()[:, None]
    half = size // 2
    x = (cos * along - sin * across).clamp(-half, half)
    y = (sin * along + cos * across).clamp(-half, half)
    axis = torch.arange(-half, half + 1, dtype=length.dtype, device=length.device)
    weight_x = (1 - (x[..., None] - axis).abs()).clamp(min=0)  # (B, samples, size): bilinear splat
    weight_y = (1 - (y[..., None] - axis).abs()).clamp(min=0)
    # not a matrix product, which sums a batch of one in another order than a batch of several
    return _normalise((weight_y[..., :, None] * weight_x[..., None, :]).sum(1))
