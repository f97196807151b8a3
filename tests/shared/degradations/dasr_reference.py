"""An independent DASR protocol in float64 numpy and scipy, for images (H, W, 3) on the 0..255 scale."""

import numpy as np
from scipy.signal import fftconvolve


def gaussian_kernel(sd1: float, sd2: float, theta: float, size: int = 21) -> np.ndarray:
    """Makes a kernel, (size, size), by the covariance matrix R diag(sd1^2, sd2^2) R^T; widths 0 give the identity."""
    kernel = np.zeros((size, size))
    if sd1 == sd2 == 0:
        kernel[size // 2, size // 2] = 1
        return kernel
    rotation = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    precision = np.linalg.inv(rotation @ np.diag([sd1**2, sd2**2]) @ rotation.T)
    for i in range(size):
        for j in range(size):
            offset = np.array([j - size // 2, i - size // 2])  # x to the right, y down
            kernel[i, j] = np.exp(-0.5 * offset @ precision @ offset)
    return kernel / kernel.sum()


def blur(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Blurs by a point-symmetric kernel; reflects the border without repeating the edge, and does not round."""
    radius = kernel.shape[0] // 2
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    return fftconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1))


def cubic(x: np.ndarray) -> np.ndarray:
    """Computes Keys' cubic with a = -0.5."""
    x = np.abs(x)
    inner = (1.5 * x - 2.5) * x * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0.0))


def bicubic_matrix(size: int, new_size: int) -> np.ndarray:
    """Makes normalised weights, (new_size, size), antialiased for shrinking; taps outside count for the edge pixel."""
    ratio = new_size / size
    stretch = min(1.0, ratio)
    matrix = np.zeros((new_size, size))
    for row in range(new_size):
        centre = (row + 0.5) / ratio - 0.5
        taps = np.arange(np.floor(centre - 2 / stretch), np.ceil(centre + 2 / stretch) + 1)
        weights = cubic((centre - taps) * stretch)
        np.add.at(matrix[row], np.clip(taps, 0, size - 1).astype(int), weights / weights.sum())
    return matrix


def bicubic(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes (H, W, 3) to (height, width, 3)."""
    rows, columns = bicubic_matrix(image.shape[0], height), bicubic_matrix(image.shape[1], width)
    return np.einsum("ih,hwc,jw->ijc", rows, image, columns, optimize=True)


def lr_image(hr_image: np.ndarray, kernel: np.ndarray, scale: int, noise: np.ndarray | float = 0.0) -> np.ndarray:
    """Blurs, resizes, adds noise (0..255), rounds and clips to whole levels, (H/scale, W/scale, 3)."""
    height, width = hr_image.shape[0] // scale, hr_image.shape[1] // scale
    small = bicubic(blur(hr_image, kernel), height, width)
    return np.clip(np.round(small + noise), 0, 255)


def psnr_y(sr_image: np.ndarray, hr_image: np.ndarray, border: int) -> float:
    """Computes the PSNR in dB of the luma without `border` pixels, after clipping and rounding the SR image."""
    difference = np.clip(np.round(sr_image), 0, 255) - hr_image
    luma = difference @ np.array([65.738, 129.057, 25.064]) / 256
    inside = luma[border:-border, border:-border]
    return float(10 * np.log10(255**2 / np.mean(inside**2)))
