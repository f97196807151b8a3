"""Golden values of the SR test protocol: bicubic enlargement of built-in photographs, scored in float64.

`python tests/sr/evaluation/golden_protocol.py` writes `golden_bicubic.csv` anew. It is written from the text of the
protocol and computes with numpy and scipy alone (scikit-image reads the photographs): it uses neither torch nor code of
this project, so that none of their faults is in the values.

- HR: gray is repeated to three channels; cropped to a multiple of the scale.
- Blur: Gaussian of 21x21 pixels, normalised; reflection at the border, without repeating the edge pixel; not rounded.
  Width 0 is no blur.
- LR: bicubic with a = -0.5, the kernel widened by the scale; the edge pixel repeats beyond the border; rounded and
  clipped to 0..255.
- SR: bicubic with a = -0.5; the edge pixel repeats beyond the border; rounded and clipped.
- Y: (65.738 R + 129.057 G + 25.064 B) / 256 + 16, without as many pixels at each side as the scale.
- PSNR: range 255. SSIM: Gaussian window of 11x11 pixels and width 1.5 where it fits, K = 0.01 and 0.03, range 255.

Source: Wang et al., "Unsupervised Degradation Representation Learning for Blind Super-Resolution", CVPR 2021, and its
code; Gu et al., "Blind Super-Resolution With Iterative Kernel Correction", CVPR 2019, for gaussian8.
"""

import csv
import hashlib
from pathlib import Path

import numpy as np
from scipy.ndimage import correlate
from scipy.signal import convolve2d
from skimage import data

FILE = Path(__file__).with_name("golden_bicubic.csv")
COLUMNS = ("image", "pixels", "scale", "protocol", "kernel", "noise", "psnr_y", "ssim_y")
CROPS = {  # rows and columns of photographs; no side is a multiple of a scale
    "astronaut": (slice(20, 171), slice(150, 313)),
    "camera": (slice(80, 231), slice(180, 343)),  # gray
    "chelsea": (slice(70, 221), slice(120, 283)),
}
ISOTROPIC = [  # protocol, scale, widths in HR pixels
    ("dasr_iso", 2, (0, 0.6, 1.2, 1.8)),
    ("dasr_iso", 3, (0, 0.8, 1.6, 2.4)),
    ("dasr_iso", 4, (0, 1.2, 2.4, 3.6)),
    ("gaussian8", 2, (0.8, 0.8 + 0.8 / 7)),
    ("gaussian8", 3, (1.35 + 2 * 1.05 / 7, 2.4)),
    ("gaussian8", 4, (1.8 + 2 * 1.4 / 7, 3.2)),
]
ANISOTROPIC = [  # width along the axis, width across it, degrees
    (2, 0.2, 0),
    (2, 1, 10),
    (3.5, 1.5, 30),
    (3.5, 2, 90),
    (4, 1.5, 120),
    (4, 3, 165),
]


def read_crop(name: str) -> np.ndarray:
    """Reads the crop of a photograph: (h, w) or (h, w, 3), uint8."""
    return np.ascontiguousarray(getattr(data, name)()[CROPS[name]])


def hash_pixels(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def gaussian_kernel(width: float, width_across: float, degrees: float) -> np.ndarray:
    """Kernel of (21, 21); the angle turns from x, to the right, towards y, down."""
    offset = np.arange(-10, 11.0)
    x, y = np.meshgrid(offset, offset)
    angle = np.deg2rad(degrees)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = -np.sin(angle) * x + np.cos(angle) * y
    kernel = np.exp(-(along**2) / (2 * width**2) - across**2 / (2 * width_across**2))
    return kernel / kernel.sum()


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes along the first axis, bicubic: (n, ...) -> (size, ...)."""
    n = len(image)
    step = n / size  # input pixels from one output pixel to the next
    widen = max(1.0, step)
    centre = (np.arange(size) + 0.5) * step - 0.5
    taps = np.floor(centre)[:, None] + np.arange(-np.ceil(2 * widen), np.ceil(2 * widen) + 2)  # (size, T)
    distance = np.abs(taps - centre[:, None]) / widen
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.select([distance <= 1, distance < 2], [near, far], 0.0)
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("st,st...->s...", weights, image[np.clip(taps, 0, n - 1).astype(int)])


def resize_both(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return resize(resize(image, height).swapaxes(0, 1), width).swapaxes(0, 1)


def quantize(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255)


def luma_inside(image: np.ndarray, border: int) -> np.ndarray:
    y = (65.738 * image[..., 0] + 129.057 * image[..., 1] + 25.064 * image[..., 2]) / 256 + 16
    return y[border:-border, border:-border]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(20 * np.log10(255 / np.sqrt(np.mean((one - other) ** 2))))


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    offset = np.arange(-5, 6.0)
    window = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(image: np.ndarray) -> np.ndarray:
        return convolve2d(image, window, mode="valid")

    mean1, mean2 = mean(one), mean(other)
    variance1, variance2 = mean(one**2) - mean1**2, mean(other**2) - mean2**2
    covariance = mean(one * other) - mean1 * mean2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    below = (mean1**2 + mean2**2 + c1) * (variance1 + variance2 + c2)
    return float(np.mean(above / below))


def score_bicubic(image: np.ndarray, kernel: np.ndarray | None, scale: int) -> tuple[float, float]:
    """Scores bicubic enlargement of a uint8 image by PSNR in dB and SSIM; the kernel None is no blur."""
    height, width = (side // scale * scale for side in image.shape[:2])
    channels = image[..., None].repeat(3, -1) if image.ndim == 2 else image
    hr_image = channels[:height, :width].astype(np.float64)
    blurred = hr_image if kernel is None else correlate(hr_image, kernel[..., None], mode="mirror")
    lr_image = quantize(resize_both(blurred, height // scale, width // scale))
    sr_image = quantize(resize_both(lr_image, height, width))
    pair = luma_inside(sr_image, scale), luma_inside(hr_image, scale)
    return psnr(*pair), ssim(*pair)


def compute_rows() -> list[dict[str, str]]:
    """Computes the rows of the file; the photographs take turns."""
    cases = [
        (protocol, scale, f"iso {width:.4g}", gaussian_kernel(width, width, 0) if width else None)
        for protocol, scale, widths in ISOTROPIC
        for width in widths
    ]
    cases += [
        ("dasr_aniso", 4, f"{along:g}x{across:g} at {degrees:g}", gaussian_kernel(along, across, degrees))
        for along, across, degrees in ANISOTROPIC
    ]
    found = []
    for i, (protocol, scale, name, kernel) in enumerate(cases):
        of = list(CROPS)[i % len(CROPS)]
        image = read_crop(of)
        psnr_y, ssim_y = score_bicubic(image, kernel, scale)
        values = (of, hash_pixels(image), str(scale), protocol, name, "0", f"{psnr_y:.6f}", f"{ssim_y:.8f}")
        found.append(dict(zip(COLUMNS, values, strict=True)))
    return found


if __name__ == "__main__":
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(compute_rows())
