"""Resizing of images (B, V, C, H, W) to an output size (height, width)."""

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
GAUSSIAN_S_FOLD_RADIUS = 12  # pixels
MIN_WIDTH = 1e-3  # pixels; a narrower Gaussian is the mean of the nearest pixels all the same


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


def plain_bicubic(images: Tensor, size: Size) -> Tensor:
    """Resizes by bicubic interpolation without antialiasing, a = -0.75, as OpenCV and PyTorch do by default.

    BSRGAN and Real-ESRGAN resize so. A small image shows aliasing.
    """
    return _interpolate(images, size, "bicubic")


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


def gaussian_s_fold(images: Tensor, size: Size, sigma: Tensor) -> Tensor:
    """Takes the value of the Gaussian-blurred image at the centre of every s x s block; reflects the border.

    Args:
        images: Images, (B, V, C, H, W).
        size: Height and width of the result; H and W are the same whole multiple s of them.
        sigma: Width of the Gaussian in input pixels, (B,); the kernel reaches `GAUSSIAN_S_FOLD_RADIUS` pixels.

    Returns:
        Images, (B, V, C, *size).

    Raises:
        ValueError: The size of the images is not a whole multiple of `size`.

    Source: Zhang et al., "Designing a Practical Degradation Model" (BSRGAN), ICCV 2021, whose kernel of 25 pixels is
        shifted by linear interpolation to the centre of the block; here it is computed there.
    """
    factor = integer_factor(images, size)
    if factor is None:
        raise ValueError(f"s-fold down-sampling needs a whole factor, not {tuple(images.shape[-2:])} -> {size}")
    b, v, c, h, w = images.shape
    reach = min(GAUSSIAN_S_FOLD_RADIUS, h - 1, w - 1)
    offset = torch.arange(-reach, reach + factor, dtype=images.dtype, device=images.device) - (factor - 1) / 2
    weights = torch.softmax(-0.5 * (offset / sigma.clamp(min=MIN_WIDTH)[:, None]).square(), 1)  # (B, taps)
    taps = weights.repeat_interleave(v * c, 0)[:, None]  # (B V C, 1, taps)
    padded = F.pad(images.reshape(b * v, c, h, w), (reach,) * 4, mode="reflect")
    planes = padded.reshape(1, b * v * c, *padded.shape[-2:])
    rows = F.conv2d(planes, taps[..., None], stride=(factor, 1), groups=b * v * c)
    return F.conv2d(rows, taps[:, :, None], stride=(1, factor), groups=b * v * c).reshape(b, v, c, *size)


def rescale(images: Tensor, factor: Tensor) -> Tensor:
    """Makes images smaller by `bicubic`, and as large as before by `plain_bicubic`.

    Args:
        images: Images, (B, V, C, H, W).
        factor: Size in between, relative to the images, (B,); few different values, since each is computed by itself.
    """
    out = images.clone()
    height, width = images.shape[-2:]
    for value in factor.unique().tolist():
        rows = (factor == value).nonzero().squeeze(1)
        small = bicubic(images[rows], (max(1, round(height * value)), max(1, round(width * value))))
        out[rows] = plain_bicubic(small, (height, width))
    return out


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
