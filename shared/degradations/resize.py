"""Resizing of images (B, V, C, H, W) to an output size (height, width)."""

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]


def _interpolate(images: Tensor, size: Size, mode: str, antialias: bool = False) -> Tensor:
    b, v, c, h, w = images.shape
    flat = F.interpolate(images.reshape(b * v, c, h, w), size=size, mode=mode, antialias=antialias)
    return flat.view(b, v, c, *size)


def integer_factor(images: Tensor, size: Size) -> int | None:
    """Returns the whole factor by which `size` is smaller than the images on both axes; None if there is none."""
    height, width = images.shape[-2:]
    factor = height // size[0]
    return factor if (factor * size[0], factor * size[1]) == (height, width) else None


def bicubic(images: Tensor, size: Size) -> Tensor:
    """Resizes by antialiased bicubic interpolation, a = -0.5, as MATLAB's imresize and the DASR protocol do.

    torch renormalises the weights at the border, but the protocol repeats the edge pixel. For whole factors, the image
    is therefore padded by the reach of the filter, resized and cropped, which makes the border exact.
    """
    factor = integer_factor(images, size)
    if factor is None or factor == 1:
        return images if factor == 1 else _interpolate(images, size, "bicubic", antialias=True)
    b, v, c, h, w = images.shape
    reach = 2 * factor
    padded = F.pad(images.reshape(b * v, c, h, w), (reach,) * 4, mode="replicate")
    padded_size = (size[0] + 4, size[1] + 4)
    small = F.interpolate(padded, size=padded_size, mode="bicubic", antialias=True)
    return small[..., 2:-2, 2:-2].reshape(b, v, c, *size)


def bilinear(images: Tensor, size: Size) -> Tensor:
    """Resizes by bilinear interpolation without antialiasing, as BSRGAN and Real-ESRGAN do."""
    return _interpolate(images, size, "bilinear")


def area(images: Tensor, size: Size) -> Tensor:
    """Averages the area that each output pixel covers."""
    return _interpolate(images, size, "area")


def nearest(images: Tensor, size: Size) -> Tensor:
    """Takes the input pixel whose centre is nearest to that of each output pixel."""
    return _interpolate(images, size, "nearest-exact")


def s_fold(images: Tensor, size: Size) -> Tensor:
    """Takes the upper left pixel of every s x s block.

    Raises:
        ValueError: The size of the images is not a whole multiple of `size`.

    Source: Zhang et al., "Deep Unfolding Network for Image Super-Resolution" (USRNet), CVPR 2020.
    """
    factor = integer_factor(images, size)
    if factor is None:
        raise ValueError(f"s-fold down-sampling needs a whole factor, not {tuple(images.shape[-2:])} -> {size}")
    return images[..., ::factor, ::factor].contiguous()


def bicubic_reach(factor: int) -> int:
    """Computes how many input pixels `bicubic_taps` extend beyond the block of an output pixel, to each side."""
    return (4 * factor - factor % 2 - factor) // 2 if factor > 1 else 0


def bicubic_taps(factor: int) -> Tensor:
    """Computes the bicubic (a = -0.5) weights of one output pixel for a whole down-sampling factor.

    Returns:
        Weights of sum 1, float64, centred on the block of the output pixel: 4 * factor for even factors, 4 * factor - 1
        for odd ones.
    """
    count = 4 * factor - factor % 2
    distance = ((torch.arange(count, dtype=torch.float64) - (count - 1) / 2) / factor).abs()
    inner = 1.5 * distance**3 - 2.5 * distance**2 + 1
    outer = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = torch.where(distance <= 1, inner, torch.where(distance < 2, outer, torch.zeros_like(distance)))
    return weights / weights.sum()
