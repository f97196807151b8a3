"""PSNR and SSIM on luma, as papers on super-resolution report them."""

import torch
from torch import Tensor

LUMA = (65.738, 129.057, 25.064)  # over 256, for RGB in 0..255: BT.601 in studio range, as in EDSR's and DASR's code
LUMA_OFFSET = 16.0
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5  # pixels


def luma(image: Tensor) -> Tensor:
    """Computes Y in 16..235, (..., H, W) float64, of RGB images (..., 3, H, W) in [0, 1]."""
    weights = torch.tensor(LUMA, dtype=torch.float64, device=image.device) / 256
    return (255 * image.double() * weights[:, None, None]).sum(-3) + LUMA_OFFSET


def quantize_8bit(image: Tensor) -> Tensor:
    """Clips and rounds an image in [0, 1] to the 256 levels of an 8-bit file."""
    return (image.float().clamp(0, 1) * 255).round() / 255


def psnr_y(sr_image: Tensor, hr_image: Tensor, border: int) -> Tensor:
    """Computes the peak signal-to-noise ratio of Y for each image.

    Args:
        sr_image, hr_image: Images, (B, 3, H, W) RGB in [0, 1]; the SR image is rounded to 8 bits first.
        border: Width in pixels of the border that is excluded on each side; the scale in the protocols.

    Returns:
        PSNR in dB, (B,) float64; infinite for equal images.
    """
    difference = luma(quantize_8bit(sr_image)) - luma(hr_image)
    inner = _crop_border(difference, border)
    return 10 * torch.log10(255**2 / inner.square().mean((-2, -1)))


def ssim_y(sr_image: Tensor, hr_image: Tensor, border: int) -> Tensor:
    """Computes the structural similarity of Y for each image, with a Gaussian window of 11x11 pixels and sigma 1.5.

    Only positions where the window lies inside the image count.

    Args:
        sr_image, hr_image: Images, (B, 3, H, W) RGB in [0, 1]; the SR image is rounded to 8 bits first.
        border: Width in pixels of the border that is excluded on each side; the scale in the protocols.

    Returns:
        SSIM in [-1, 1], (B,) float64.

    Raises:
        ValueError: The window does not fit into what the border leaves of the images.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
    """
    sr_luma = _crop_border(luma(quantize_8bit(sr_image)), border)
    hr_luma = _crop_border(luma(hr_image), border)
    if min(hr_luma.shape[-2:]) < SSIM_WINDOW:
        height, width = hr_luma.shape[-2:]
        raise ValueError(
            f"SSIM needs at least {SSIM_WINDOW} pixels a side, but without the border the images have {width}x{height}"
        )
    stack = torch.stack((sr_luma, hr_luma, sr_luma**2, hr_luma**2, sr_luma * hr_luma), 1)  # (B, 5, H, W)
    mean1, mean2, square1, square2, product = _compute_gaussian_means(stack).unbind(1)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance = product - mean1 * mean2
    variance1, variance2 = square1 - mean1**2, square2 - mean2**2
    similarity = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean1**2 + mean2**2 + c1) * (variance1 + variance2 + c2))
    return similarity.mean((-2, -1))


def _compute_gaussian_means(images: Tensor) -> Tensor:
    """Computes means of (B, C, H, W) under the window, (B, C, H - 10, W - 10), one axis after the other."""
    taps = torch.arange(SSIM_WINDOW, dtype=images.dtype, device=images.device) - SSIM_WINDOW // 2
    weights = torch.exp(-0.5 * (taps / SSIM_SIGMA) ** 2)
    weights = weights / weights.sum()
    return _correlate(_correlate(images, weights, -2), weights, -1)


def _correlate(images: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Correlates along an axis without padding; on a CPU much faster than a float64 convolution."""
    length = images.shape[axis] - len(weights) + 1
    parts = [images.narrow(axis, start, length) for start in range(len(weights))]
    total = parts[0] * weights[0]
    for part, weight in zip(parts[1:], weights[1:].tolist(), strict=True):
        total.add_(part, alpha=weight)
    return total


def _crop_border(images: Tensor, border: int) -> Tensor:
    return images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]
