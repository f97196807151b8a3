"""Noise that is a pure function of (row seed, view, step, position): the same pixels on any batch split.

A counter-based generator replaces torch's: each value hashes its own position, so nothing depends on how many other
values were drawn before it, and no loop over samples seeds one generator each.
"""

import math

import torch
from torch import Tensor

_SMALL_RATE = 16.0  # below it the Poisson quantile is summed exactly, above it a corrected normal is accurate
_SMALL_RATE_TERMS = 48  # P(X > 48 | rate 16) < 1e-9


def _int32(value: int) -> int:
    """The signed 32-bit integer with the bits of `value`."""
    return (value & 0xFFFFFFFF) - ((value & 0x80000000) << 1)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of int32."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def _mix(x: Tensor, key: Tensor) -> Tensor:
    """Keyed avalanche of int32 `x`: the "lowbias32" finaliser with `key` folded in between its rounds.

    Source: C. Wellons, "Prospecting for Hash Functions" (2018), public domain constants.
    """
    x = x ^ _shift_right(x, 16)
    x = x * _int32(0x7FEB352D)
    x = x ^ key
    x = x ^ _shift_right(x, 15)
    x = x * _int32(0x846CA68B)
    return x ^ _shift_right(x, 16)


def random_bits(seed: Tensor, stream: int, views: Tensor, count: int) -> Tensor:
    """Random int32 for every row, view and position.

    Args:
        seed: (B,) int64 row seeds.
        stream: separates the uses of one seed (the step of the degradation).
        views: (V,) int64 indices of the views.
        count: values per view.

    Returns:
        (B, V, count) int32.
    """
    low, high = seed.to(torch.int32)[:, None], (seed >> 32).to(torch.int32)[:, None]
    salt = _int32(0x9E3779B9 * (stream + 1))
    index = views.to(torch.int32)[None, :] * _int32(0x85EBCA6B) + salt
    first = _mix(_mix(index, low), high)  # (B, V)
    second = _mix(first + _int32(0xC2B2AE35), low)
    position = torch.arange(count, dtype=torch.int32, device=seed.device)
    return _mix(position + first[..., None], second[..., None])


def _uniform(bits: Tensor) -> Tensor:
    """Uniform float32 in (0, 1) from int32 bits: the middles of 2^23 cells, each exact in float32."""
    return _shift_right(bits, 9).float().add_(0.5).mul_(2.0**-23)


def standard_normal(seed: Tensor, stream: int, views: Tensor, count: int) -> Tensor:
    """(B, V, count) standard normal float32 by the Box-Muller transform; arguments as `random_bits`."""
    half = (count + 1) // 2
    uniform = _uniform(random_bits(seed, stream, views, 2 * half))
    radius = uniform[..., :half].log().mul_(-2).sqrt_()
    angle = uniform[..., half:].mul(2 * math.pi)
    return torch.cat((radius * angle.cos(), radius * angle.sin()), -1)[..., :count]


def _field(images: Tensor, seed: Tensor, stream: int, views: Tensor, channels: int) -> Tensor:
    b, v, _, h, w = images.shape
    return standard_normal(seed, stream, views, channels * h * w).view(b, v, channels, h, w).to(images.dtype)


def _per_row(parameter: Tensor, images: Tensor) -> Tensor:
    return parameter.to(images.dtype).view(-1, 1, 1, 1, 1)


def gaussian_noise(images: Tensor, noise_sigma: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Add white Gaussian noise, independent per colour channel, and clip to [0, 1].

    Args:
        images: (B, V, C, H, W) in [0, 1].
        noise_sigma: (B,) standard deviation in units of [0, 1]; 0 is the identity on [0, 1].
        seed, stream, views: as `random_bits`.
    """
    field = _field(images, seed, stream, views, images.shape[2])
    return torch.addcmul(images, _per_row(noise_sigma, images), field).clamp_(0, 1)


def gray_noise(images: Tensor, noise_sigma: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """As `gaussian_noise`, with one field for all colour channels."""
    field = _field(images, seed, stream, views, 1)
    return torch.addcmul(images, _per_row(noise_sigma, images), field).clamp_(0, 1)


def speckle(images: Tensor, noise_sigma: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Multiply by 1 + noise_sigma * n, n standard normal, and clip to [0, 1]; arguments as `gaussian_noise`."""
    field = _field(images, seed, stream, views, images.shape[2])
    return (images * (1 + _per_row(noise_sigma, images) * field)).clamp_(0, 1)


def poisson(images: Tensor, peak: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Shot noise: Poisson(image * peak) / peak, clipped to [0, 1].

    The peak (photons at white) is drawn with the degradation, never from the image, so that all views share it
    (Real-ESRGAN's depends on the number of distinct values in the image).

    Args:
        images: (B, V, C, H, W) in [0, 1].
        peak: (B,) expected count at value 1.
        seed, stream, views: as `random_bits`.
    """
    b, v, c, h, w = images.shape
    rate = images.clamp(0, 1) * _per_row(peak, images)
    normal = _field(images, seed, stream, views, c)
    # Cornish-Fisher expansion of the Poisson quantile, then the nearest count.
    deviation = rate.sqrt()
    third = normal * (normal.square() + 2) / (72 * deviation.clamp(min=1))
    counts = (rate + deviation * normal + (normal.square() - 1) / 6 - third).round_().clamp_(min=0)
    small = rate < _SMALL_RATE
    if small.any():
        uniform = _uniform(random_bits(seed, stream + (1 << 16), views, c * h * w)).view(b, v, c, h, w)
        counts[small] = _poisson_quantile(uniform[small], rate[small]).to(counts.dtype)
    return (counts / _per_row(peak, images)).clamp_(0, 1)


def _poisson_quantile(probability: Tensor, rate: Tensor) -> Tensor:
    """In float64, whose sum of the terms exceeds every float32 probability below 1."""
    rate = rate.double()
    term = torch.exp(-rate)
    cumulative, counts = term.clone(), torch.zeros_like(rate)
    for k in range(1, _SMALL_RATE_TERMS + 1):
        counts += probability > cumulative
        term = term * rate / k
        cumulative += term
    return counts.to(probability.dtype)
