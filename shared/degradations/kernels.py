"""Families of blur kernels: one batched function each, (B,) parameters in, (B, size, size) kernels of sum 1 out.

Coordinates are pixels from the kernel's centre, x to the right and y down; `theta` (radians) turns the x axis
towards the y axis. `size` is odd.
"""

import math

import torch
from torch import Tensor

_NARROWEST = 1e-3  # a Gaussian this narrow is the identity: its neighbours underflow to 0


def _grid(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    axis = torch.arange(size, dtype=like.dtype, device=like.device) - size // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y  # (size, size) each


def _normalised(weights: Tensor) -> Tensor:
    return weights / weights.sum((1, 2), keepdim=True)


def _mahalanobis(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor) -> Tensor:
    """Squared distance from the centre in units of the two widths, (B, size, size)."""
    x, y = _grid(size, sigma_x)
    cos, sin = theta.cos()[:, None, None], theta.sin()[:, None, None]
    along = (cos * x + sin * y) / sigma_x.clamp(min=_NARROWEST)[:, None, None]
    across = (cos * y - sin * x) / sigma_y.clamp(min=_NARROWEST)[:, None, None]
    return along.square() + across.square()


def gaussian(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor) -> Tensor:
    """Gaussian kernels, isotropic where both widths are equal; width 0 is the identity.

    Args:
        size: odd kernel size in pixels.
        sigma_x: (B,) standard deviation along the axis at angle `theta`, pixels.
        sigma_y: (B,) standard deviation across it, pixels.
        theta: (B,) radians.

    Returns:
        (B, size, size), each of sum 1.

    Source: Wang et al., "Unsupervised Degradation Representation Learning", CVPR 2021, section 4.1 (the widths the
        paper calls lambda are standard deviations in its code, and here).
    """
    return _normalised(torch.exp(-0.5 * _mahalanobis(size, sigma_x, sigma_y, theta)))


def generalized_gaussian(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor, beta: Tensor) -> Tensor:
    """Generalised Gaussian exp(-q^beta / 2), q the squared Mahalanobis distance; beta 1 is the Gaussian.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, section 3.2.
    """
    q = _mahalanobis(size, sigma_x, sigma_y, theta)
    return _normalised(torch.exp(-0.5 * q.pow(beta[:, None, None])))


def plateau(size: int, sigma_x: Tensor, sigma_y: Tensor, theta: Tensor, beta: Tensor) -> Tensor:
    """Plateau-shaped kernels 1 / (1 + q^beta), q the squared Mahalanobis distance.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, section 3.2.
    """
    q = _mahalanobis(size, sigma_x, sigma_y, theta)
    return _normalised(1 / (1 + q.pow(beta[:, None, None])))


def sinc(size: int, cutoff: Tensor) -> Tensor:
    """Circular ideal low-pass, cutoff (B,) in radians per pixel, (0, pi]; its negative lobes cause ringing.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, equation 6.
    """
    x, y = _grid(size, cutoff)
    radius = torch.hypot(x, y)
    omega = cutoff[:, None, None]
    away = omega * torch.special.bessel_j1(omega * radius) / (2 * math.pi * radius.clamp(min=0.5))
    centre = (omega.square() / (4 * math.pi)).expand_as(away)
    return _normalised(torch.where(radius > 0, away, centre))


def disk(size: int, radius: Tensor) -> Tensor:
    """Defocus: a uniform disk of (B,) radius in pixels, its edge falling linearly over one pixel; 0 is the identity."""
    x, y = _grid(size, radius)
    return _normalised((radius[:, None, None] + 0.5 - torch.hypot(x, y)).clamp(0, 1))


def motion(size: int, length: Tensor, theta: Tensor, curvature: Tensor) -> Tensor:
    """Motion along a parabola through the centre, exposed evenly in time.

    Args:
        size: odd kernel size in pixels.
        length: (B,) pixels travelled along the main direction, at most size - 1; 0 is the identity.
        theta: (B,) direction, radians.
        curvature: (B,) sagitta over length: 0 is a straight line, 0.25 a marked bend.

    Returns:
        (B, size, size), each of sum 1.
    """
    samples = 4 * size  # four exposures a pixel at full length: no gaps in the trace
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
    # not as a product of matrices: that of one matrix is summed in another order than that of several
    return _normalised((weight_y[..., :, None] * weight_x[..., None, :]).sum(1))
