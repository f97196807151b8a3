"""Fixed front-ends that take the content out of an image before an encoder sees it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRAY_WEIGHTS = (0.299, 0.587, 0.114)  # luma of Rec. 601, the Y that super-resolution is scored on

# Smoothing steps: (centre tap, tap 1, tap 2, ...), distance between taps in pixels. Variances add up:
# 1/4 first, then 3/4 distance^2, so the Gaussian-like smoothings have sigma 1/2, 1, 2, 4, 8 exactly.
# The five taps let nothing of the Nyquist frequency pass.
SMOOTHING_STEPS = (
    ((0.75, 0.125), 1),
    ((0.4375, 0.25, 0.03125), 1),
    ((0.4375, 0.25, 0.03125), 2),
    ((0.4375, 0.25, 0.03125), 4),
    ((0.4375, 0.25, 0.03125), 8),
)
NUMBER_OF_BANDS = len(SMOOTHING_STEPS)
NUMBER_OF_LEVEL_BANDS = 2  # the bands below sigma 1, where noise stands out most from content

MIN_CONTRAST = 1e-3  # of [0, 1], a quarter of an 8-bit level: below it a band is rounding, not content
RELATIVE_UNIT = 1e-2  # of the contrast: about what 8-bit rounding leaves of the finest band in a photograph
LEVEL_UNIT = 1 / 255  # one 8-bit level


def to_gray(images: Tensor) -> Tensor:
    """Rec. 601 luma.

    Args:
        images: (B, 3, H, W) RGB.

    Returns:
        (B, 1, H, W), float32 at least, since half precision would round away what fine bands are made of.
    """
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    red, green, blue = images.split(1, dim=1)
    return (red * GRAY_WEIGHTS[0]).add_(green, alpha=GRAY_WEIGHTS[1]).add_(blue, alpha=GRAY_WEIGHTS[2])


def difference_of_gaussian_bands(gray: Tensor) -> Tensor:
    """Octave-wide bands between the image and its smoothings of sigma 1/2, 1, 2, 4, 8; replicated border.

    Args:
        gray: (B, 1, H, W), any H and W.

    Returns:
        (B, 5, H, W), finest first, linear in `gray`, 0 for a constant image.

    Source: Burt and Adelson, The Laplacian Pyramid as a Compact Image Code, 1983, without the down-sampling.
    """
    bands = []
    for taps, distance in SMOOTHING_STEPS:
        smoother = _smooth(_smooth(gray, taps, distance, dim=3), taps, distance, dim=2)
        bands.append(gray - smoother)
        gray = smoother
    return torch.cat(bands, dim=1)  # (B, 5, H, W)


def _smooth(image: Tensor, taps: tuple[float, ...], distance: int, dim: int) -> Tensor:
    """Shifts and adds: faster than a convolution here, and neither TF32 nor autocast can round it."""
    radius = (len(taps) - 1) * distance
    size = image.shape[dim]
    padded = F.pad(image, (radius, radius, 0, 0) if dim == 3 else (0, 0, radius, radius), mode="replicate")
    smoothed = image * taps[0]
    for step, tap in enumerate(taps[1:], start=1):
        before = padded.narrow(dim, radius - step * distance, size)
        after = padded.narrow(dim, radius + step * distance, size)
        smoothed = smoothed.add_(before, alpha=tap).add_(after, alpha=tap)
    return smoothed


def signed_log(values: Tensor, unit: float) -> Tensor:
    """sign(x) log(1 + |x| / unit): linear below `unit`, logarithmic above."""
    return _with_sign_of(values, values.abs().mul_(1 / unit).log1p_())


class ContrastFreeBands(nn.Module):
    """Gray difference-of-Gaussian bands over the rms of the image's coarsest band, signed log; no parameters.

    What stays is how the spectrum falls off, hence blur; brightness, contrast and colour are gone, and with
    the contrast the absolute level of noise. Each image is treated alone.
    """

    channels = NUMBER_OF_BANDS

    def forward(self, images: Tensor) -> Tensor:
        """Splits images into bands.

        Args:
            images: (B, 3, H, W) RGB in [0, 1], any H and W.

        Returns:
            (B, 5, H, W), finest band first, about -6..6, float32 at least.
        """
        return _contrast_free(difference_of_gaussian_bands(to_gray(images)))


class ContrastFreeBandsWithLevel(nn.Module):
    """`ContrastFreeBands`, and the two finest bands again in absolute units: they show the noise level."""

    channels = NUMBER_OF_BANDS + NUMBER_OF_LEVEL_BANDS

    def forward(self, images: Tensor) -> Tensor:
        """Splits images into bands.

        Args:
            images: (B, 3, H, W) RGB in [0, 1], any H and W.

        Returns:
            (B, 7, H, W): the five contrast-free bands, then the signed log of the two finest in 8-bit levels.
        """
        bands = difference_of_gaussian_bands(to_gray(images))
        level = signed_log(bands[:, :NUMBER_OF_LEVEL_BANDS], LEVEL_UNIT)
        return torch.cat([_contrast_free(bands), level], dim=1)


def _contrast_free(bands: Tensor) -> Tensor:
    power = bands[:, -1:].square().mean(dim=(2, 3), keepdim=True)  # (B, 1, 1, 1)
    contrast = (power + MIN_CONTRAST**2).sqrt()
    return _with_sign_of(bands, bands.abs().div_(RELATIVE_UNIT * contrast).log1p_())


def _with_sign_of(values: Tensor, magnitudes: Tensor) -> Tensor:
    """In place but in an exported graph, where no signs are copied."""
    return magnitudes * values.sign() if torch.compiler.is_exporting() else magnitudes.copysign_(values)
