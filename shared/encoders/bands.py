"""Fixed front-ends that reduce the content of an image before it is encoded."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRAY_WEIGHTS = (0.299, 0.587, 0.114)  # luma of Rec. 601, the Y of super-resolution scores

# Each step: (centre tap, tap 1, tap 2, ...), distance between taps in pixels. The variances, 1/4 and then
# 3/4 distance^2, add up, so that the Gaussian-like smoothings have sigma 1/2, 1, 2, 4, 8 exactly. Five taps suppress
# the Nyquist frequency completely.
SMOOTHING_STEPS = (
    ((0.75, 0.125), 1),
    ((0.4375, 0.25, 0.03125), 1),
    ((0.4375, 0.25, 0.03125), 2),
    ((0.4375, 0.25, 0.03125), 4),
    ((0.4375, 0.25, 0.03125), 8),
)
NUMBER_OF_BANDS = len(SMOOTHING_STEPS)
NUMBER_OF_LEVEL_BANDS = 2  # the bands below sigma 1, where noise stands out most from content

MIN_CONTRAST = 1e-3  # in units of [0, 1], a quarter of an 8-bit level: weaker bands are rounding, not content
RELATIVE_UNIT = 1e-2  # in units of the contrast: about the rounding to 8 bits in the finest band of a photograph
LEVEL_UNIT = 1 / 255  # in units of [0, 1], one 8-bit level


def to_gray(images: Tensor) -> Tensor:
    """Converts RGB to Rec. 601 luma.

    Args:
        images: RGB images, (B, 3, H, W).

    Returns:
        Gray images, (B, 1, H, W), at least float32, since half precision would round the finest bands away.
    """
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    red, green, blue = images.split(1, dim=1)
    return (red * GRAY_WEIGHTS[0]).add_(green, alpha=GRAY_WEIGHTS[1]).add_(blue, alpha=GRAY_WEIGHTS[2])


def difference_of_gaussian_bands(gray: Tensor) -> Tensor:
    """Splits images into octave-wide bands, the differences of their smoothings with sigma 0, 1/2, 1, 2, 4, 8.

    Args:
        gray: Gray images, (B, 1, H, W), of any size. Borders are replicated.

    Returns:
        Bands, (B, 5, H, W), finest first, linear in `gray`, 0 for a constant image.

    Source: Burt and Adelson, The Laplacian Pyramid as a Compact Image Code, 1983, without the down-sampling.
    """
    bands = []
    for taps, distance in SMOOTHING_STEPS:
        smoothed = smooth_twice(gray, taps, distance)
        bands.append(gray - smoothed)
        gray = smoothed
    return torch.cat(bands, dim=1)  # (B, 5, H, W)


def smooth_twice(image: Tensor, taps: tuple[float, ...], distance: int) -> Tensor:
    """Smooths images (B, C, H, W) along their rows and columns by a step of `SMOOTHING_STEPS`."""
    return _smooth(_smooth(image, taps, distance, dim=3), taps, distance, dim=2)


def _smooth(image: Tensor, taps: tuple[float, ...], distance: int, dim: int) -> Tensor:
    """Smooths along one dimension by shifts and additions, which are faster than a convolution and never rounded."""
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
    """Computes sign(x) log(1 + |x| / unit), which is linear below the unit and logarithmic above."""
    return _copy_sign(values, values.abs().mul_(1 / unit).log1p_())


class ContrastFreeBands(nn.Module):
    """Gray difference-of-Gaussian bands, divided by the rms of the coarsest band of the image, as signed logarithms.

    They keep the fall-off of the spectrum, hence the blur, but neither brightness, contrast and colour nor, with the
    contrast, the absolute noise level. Each image is processed independently. There are no parameters.
    """

    channels = NUMBER_OF_BANDS

    def forward(self, images: Tensor) -> Tensor:
        """Splits images into bands.

        Args:
            images: RGB images, (B, 3, H, W) in [0, 1], of any size.

        Returns:
            Bands, (B, 5, H, W), finest first, about -6..6, at least float32.
        """
        return _remove_contrast(difference_of_gaussian_bands(to_gray(images)))


class ContrastFreeBandsWithLevel(nn.Module):
    """`ContrastFreeBands`, and the two finest bands in absolute units, which show the noise level."""

    channels = NUMBER_OF_BANDS + NUMBER_OF_LEVEL_BANDS

    def forward(self, images: Tensor) -> Tensor:
        """Splits images into bands.

        Args:
            images: RGB images, (B, 3, H, W) in [0, 1], of any size.

        Returns:
            Bands, (B, 7, H, W): the five contrast-free ones, then the signed logarithms of the two finest in 8-bit
            levels.
        """
        bands = difference_of_gaussian_bands(to_gray(images))
        level = signed_log(bands[:, :NUMBER_OF_LEVEL_BANDS], LEVEL_UNIT)
        return torch.cat([_remove_contrast(bands), level], dim=1)


def _remove_contrast(bands: Tensor) -> Tensor:
    power = bands[:, -1:].square().mean(dim=(2, 3), keepdim=True)  # (B, 1, 1, 1)
    contrast = (power + MIN_CONTRAST**2).sqrt()
    return _copy_sign(bands, bands.abs().div_(RELATIVE_UNIT * contrast).log1p_())


def _copy_sign(values: Tensor, magnitudes: Tensor) -> Tensor:
    """Gives magnitudes the signs of values, in place except in an exported graph, which cannot contain `copysign`."""
    return magnitudes * values.sign() if torch.compiler.is_exporting() else magnitudes.copysign_(values)
