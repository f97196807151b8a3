"""Noise as a pure function of (row seed, view, step, position), so that it does not depend on the split of a batch.

A counter-based generator replaces torch's: each value is a hash of its own position and does not depend on the values
drawn before it, and no loop over samples has to seed a generator for each.
"""

import math

import torch
from torch import Tensor

from shared.degradations.filters.jpeg import LUMA_WEIGHTS

_SMALL_RATE_THRESHOLD = 16.0  # below, the Poisson quantile is summed exactly; above, a corrected normal is accurate
_SMALL_RATE_TERMS = 48  # P(X > 48 | rate 16) < 1e-9


def _int32(value: int) -> int:
    """Converts an integer to the signed 32-bit integer with the same lowest bits."""
    return (value & 0xFFFFFFFF) - ((value & 0x80000000) << 1)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Shifts int32 to the right and fills with zeros."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def _mix(x: Tensor, key: Tensor) -> Tensor:
    """Hashes int32 values: the "lowbias32" finaliser with a key mixed in between its rounds.

    Source: C. Wellons, "Prospecting for Hash Functions" (2018), public domain constants.
    """
    x = x ^ _shift_right(x, 16)
    x = x * _int32(0x7FEB352D)
    x = x ^ key
    x = x ^ _shift_right(x, 15)
    x = x * _int32(0x846CA68B)
    return x ^ _shift_right(x, 16)


def random_bits(seed: Tensor, stream: int, views: Tensor, count: int) -> Tensor:
    """Draws a random int32 for every row, view and position.

    Args:
        seed: Seed of each row, (B,) int64.
        stream: Number that separates the uses of one seed, usually the step of the degradation.
        views: Index of each view, (V,) int64.
        count: Number of values per view.

    Returns:
        Random bits, (B, V, count) int32.
    """
    low, high = seed.to(torch.int32)[:, None], (seed >> 32).to(torch.int32)[:, None]
    salt = _int32(0x9E3779B9 * (stream + 1))
    index = views.to(torch.int32)[None, :] * _int32(0x85EBCA6B) + salt
    first = _mix(_mix(index, low), high)  # (B, V)
    second = _mix(first + _int32(0xC2B2AE35), low)
    position = torch.arange(count, dtype=torch.int32, device=seed.device)
    return _mix(position + first[..., None], second[..., None])


def _to_uniform(bits: Tensor) -> Tensor:
    """Converts int32 bits to uniform float32 in (0, 1): the centres of 2^23 cells, each exact in float32."""
    return _shift_right(bits, 9).float().add_(0.5).mul_(2.0**-23)


def standard_normal(seed: Tensor, stream: int, views: Tensor, count: int) -> Tensor:
    """Draws standard normal float32, (B, V, count), by the Box-Muller transform; arguments as for `random_bits`."""
    half = (count + 1) // 2
    uniform = _to_uniform(random_bits(seed, stream, views, 2 * half))
    radius = uniform[..., :half].log().mul_(-2).sqrt_()
    angle = uniform[..., half:].mul(2 * math.pi)
    return torch.cat((radius * angle.cos(), radius * angle.sin()), -1)[..., :count]


def _draw_field(images: Tensor, seed: Tensor, stream: int, views: Tensor, channels: int) -> Tensor:
    """Draws a standard normal field, (B, V, channels, H, W), for images (B, V, C, H, W)."""
    b, v, _, h, w = images.shape
    return standard_normal(seed, stream, views, channels * h * w).view(b, v, channels, h, w).to(images.dtype)


def _expand(parameter: Tensor, images: Tensor) -> Tensor:
    """Reshapes a parameter (B,) so that it broadcasts to the images (B, V, C, H, W)."""
    return parameter.to(images.dtype).view(-1, 1, 1, 1, 1)


def gaussian_noise(images: Tensor, noise_sigma: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Adds white Gaussian noise, independent per colour channel, and clips to [0, 1].

    Args:
        images: Images, (B, V, C, H, W) in [0, 1].
        noise_sigma: Standard deviation in units of [0, 1], (B,); 0 leaves the images as they are.
        seed, stream, views: See `random_bits`.
    """
    field = _draw_field(images, seed, stream, views, images.shape[2])
    return torch.addcmul(images, _expand(noise_sigma, images), field).clamp_(0, 1)


def gray_noise(images: Tensor, noise_sigma: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Adds white Gaussian noise, the same for all colour channels, and clips to [0, 1]; see `gaussian_noise`."""
    field = _draw_field(images, seed, stream, views, 1)
    return torch.addcmul(images, _expand(noise_sigma, images), field).clamp_(0, 1)


def speckle(images: Tensor, noise_sigma: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Multiplies by 1 + noise_sigma * n, n standard normal, and clips to [0, 1]; see `gaussian_noise`."""
    field = _draw_field(images, seed, stream, views, images.shape[2])
    return (images * (1 + _expand(noise_sigma, images) * field)).clamp_(0, 1)


def poisson(images: Tensor, peak: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Replaces images by shot noise, Poisson(image * peak) / peak, clipped to [0, 1].

    The peak (photons at white) is drawn with the degradation and does not depend on the image, so that all views share
    it. Real-ESRGAN's depends on the number of distinct values in the image.

    Args:
        images: Images, (B, V, C, H, W) in [0, 1].
        peak: Expected count at value 1, (B,), positive.
        seed, stream, views: See `random_bits`.
    """
    b, v, c, h, w = images.shape
    rate = images.clamp(0, 1) * _expand(peak, images)
    normal = _draw_field(images, seed, stream, views, c)
    # Cornish-Fisher expansion of the Poisson quantile, rounded to the nearest count
    deviation = rate.sqrt()
    third = normal * (normal.square() + 2) / (72 * deviation.clamp(min=1))
    counts = (rate + deviation * normal + (normal.square() - 1) / 6 - third).round_().clamp_(min=0)
    is_small = rate < _SMALL_RATE_THRESHOLD
    if is_small.any():
        uniform = _to_uniform(random_bits(seed, stream + (1 << 16), views, c * h * w)).view(b, v, c, h, w)
        counts[is_small] = _poisson_quantile(uniform[is_small], rate[is_small]).to(counts.dtype)
    return (counts / _expand(peak, images)).clamp_(0, 1)


def gray_poisson(images: Tensor, peak: Tensor, seed: Tensor, stream: int, views: Tensor) -> Tensor:
    """Adds the shot noise of the gray image to all colour channels, clipped to [0, 1]; see `poisson`.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, section 3.2.
    """
    weights = images.new_tensor(LUMA_WEIGHTS if images.shape[2] == 3 else [1 / images.shape[2]] * images.shape[2])
    gray = (images * weights.view(-1, 1, 1)).sum(2, keepdim=True).clamp_(0, 1)
    return (images + poisson(gray, peak, seed, stream, views) - gray).clamp_(0, 1)


def _poisson_quantile(probability: Tensor, rate: Tensor) -> Tensor:
    """Computes the Poisson quantile in float64, in which the sum of the terms exceeds every float32 below 1."""
    rate = rate.double()
    term = torch.exp(-rate)
    cumulative, counts = term.clone(), torch.zeros_like(rate)
    for k in range(1, _SMALL_RATE_TERMS + 1):
        counts += probability > cumulative
        term = term * rate / k
        cumulative += term
    return counts.to(probability.dtype)
