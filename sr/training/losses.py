"""Losses between SR and HR images, on the scale 0..255 of the papers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.bounds import bounded

PIXEL_LOSSES = ("l1", "charbonnier")
IMAGE_RANGE = 255.0
CHARBONNIER_EPSILON = 1e-3  # for images in [0, 1], as published


@dataclass
class LossConfig:
    """Options of the loss between SR and HR images.

    Attributes:
        name: `l1` or `charbonnier`.
        frequency: Weight of the distance between the spectra, 0 = off; SwinFIR's is of the order of 0.1.
    """

    name: str = "l1"
    frequency: float = bounded(0.0, 0, 1e6)

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: An option is invalid; the message names it.
        """
        if self.name not in PIXEL_LOSSES:
            raise ValueError(f"loss={self.name!r} must be one of {', '.join(PIXEL_LOSSES)}")


def image_loss(sr_image: Tensor, hr_image: Tensor, config: LossConfig) -> Tensor:
    """Computes the mean loss over all values, in float32.

    Args:
        sr_image: SR images, (B, 3, H, W), not clipped.
        hr_image: HR images, (B, 3, H, W) in [0, 1].
        config: Options of the loss.
    """
    with torch.autocast(sr_image.device.type, enabled=False):
        sr_image, hr_image = sr_image.float(), hr_image.float()
        pixel = l1(sr_image, hr_image) if config.name == "l1" else charbonnier(sr_image, hr_image)
        if config.frequency:
            pixel = pixel + config.frequency * spectral_l1(sr_image, hr_image)
        return IMAGE_RANGE * pixel


def l1(sr_image: Tensor, hr_image: Tensor) -> Tensor:
    """Computes the mean absolute difference."""
    return (sr_image - hr_image).abs().mean()


def charbonnier(sr_image: Tensor, hr_image: Tensor) -> Tensor:
    """Computes the mean of sqrt(d^2 + epsilon^2) over the differences d.

    Source: Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017, eq. 2.
    """
    return ((sr_image - hr_image).square() + CHARBONNIER_EPSILON**2).sqrt().mean()


def spectral_l1(sr_image: Tensor, hr_image: Tensor) -> Tensor:
    """Computes the mean absolute difference of real and imaginary parts of the orthonormal spectra.

    Source: Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image Deblurring", ICCV 2021, eq. 6.
    """
    difference = torch.fft.rfft2(sr_image - hr_image, norm="ortho")
    return torch.view_as_real(difference).abs().mean()
