"""A fixed front-end that takes the noise out of an image's local energies, so that they show the blur beneath it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.encoders.bands import LEVEL_UNIT, MIN_CONTRAST, RELATIVE_UNIT, SMOOTHING_STEPS, smooth_twice, to_gray

SCALES = 4  # the gray image and its smoothings with sigma 1/2, 1 and 2
RESPONSES = 5  # of each scale: differences in four directions, and the Laplacian
WINDOW, STRIDE = 8, 4  # of the local means in pixels
MEDIAN_OF_NORMAL = 0.6745  # of the magnitude of a standard normal variable
RESIDUE = 0.02  # of the noise's energy that its subtraction may leave, about its relative error over a window


class NoiseFreeEnergies(nn.Module):
    """Fourth roots of local energies of differences, without the energy of white noise, and its level.

    The noise level is the median magnitude of the finest diagonal details; each filter passes a known share of the
    noise's energy, which is subtracted from the energy of its response. What remains is divided by the energy of the
    coarsest scale of the image, as in `ContrastFreeBands`. Logarithms instead of the roots set images without noise so
    far apart that linear probes of the blur failed on them. There are no parameters. The maps have a quarter of the
    size: give networks of timm `stem=3x3_no_maxpool`.
    Source: Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994, for the noise level.
    """

    channels = SCALES * RESPONSES + 1
    stride = STRIDE
    gains: Tensor

    def __init__(self) -> None:
        super().__init__()
        impulse = torch.zeros(1, 1, 65, 65)
        impulse[..., 32, 32] = 1
        self.register_buffer("gains", _respond(impulse).square().sum((2, 3)).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Computes the energies.

        Args:
            images: RGB images, (B, 3, H, W) in [0, 1], of at least 16 pixels per side.

        Returns:
            (B, 21, H/4, W/4), rounded up, about 0..5: five energies of each scale, fine to coarse, and the square root
            of the noise level in 8-bit levels.
        """
        gray = to_gray(images)
        noise = estimate_noise(gray)  # (B, 1, 1, 1)
        energy = _average(_respond(gray).square())  # (B, 20, h, w)
        floor = self.gains * noise.square()
        clean = (energy - floor).clamp_min(0)
        contrast = clean[:, -RESPONSES:].mean(dim=(1, 2, 3), keepdim=True) + MIN_CONTRAST**2
        relative = (clean + RESIDUE * floor) / contrast + RELATIVE_UNIT**2
        level = (noise / LEVEL_UNIT).sqrt().expand(-1, 1, *energy.shape[2:])
        return torch.cat([relative.sqrt().sqrt(), level], dim=1)


def estimate_noise(gray: Tensor) -> Tensor:
    """Estimates the standard deviation of white noise in gray images (B, 1, H, W); returns (B, 1, 1, 1)."""
    columns = gray[..., 1:] - gray[..., :-1]
    diagonal = (columns[..., 1:, :] - columns[..., :-1, :]) / 2
    ordered = diagonal.abs().flatten(1).sort(dim=1).values  # ONNX has no median
    return ordered[:, (ordered.shape[1] - 1) // 2].view(-1, 1, 1, 1) / MEDIAN_OF_NORMAL


def _average(energy: Tensor) -> Tensor:
    """Averages energies (B, C, H, W) over windows around every fourth pixel, (B, C, H/4, W/4)."""
    missing = [-side % STRIDE for side in energy.shape[2:]]
    reach = (WINDOW - STRIDE) // 2
    padded = F.pad(energy, (reach, reach + missing[1], reach, reach + missing[0]), mode="replicate")
    return F.avg_pool2d(padded, WINDOW, STRIDE)


def _respond(gray: Tensor) -> Tensor:
    """Filters the scales of gray images (B, 1, H, W); returns (B, 20, H, W)."""
    responses = []
    for scale in range(SCALES):
        padded = F.pad(gray, (1, 1, 1, 1), mode="replicate")
        left, right = padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]
        above, below = padded[..., :-2, 1:-1], padded[..., 2:, 1:-1]
        responses += [
            right - gray,
            below - gray,
            (padded[..., 2:, 2:] - gray) / 2**0.5,
            (padded[..., 2:, :-2] - gray) / 2**0.5,
            4 * gray - left - right - above - below,
        ]
        if scale + 1 < SCALES:
            gray = smooth_twice(gray, *SMOOTHING_STEPS[scale])
    return torch.cat(responses, dim=1)
