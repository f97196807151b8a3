"""Views: degraded crops, the input of all methods."""

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.bounds import bounded
from shared.data import CropSize, ViewSources
from shared.degradations import Degradation, degrade
from shared.encoders import MIN_IMAGE_SIDE


@dataclass
class ViewsConfig:
    """Options of the views of one degradation.

    Attributes:
        crops: Counts and sizes in pixels, such as `2x64` or `2x64+4x48`; the largest give the targets. Crops are never
            resized, which would change blur and noise.
        other_images: Fraction (0..1) of the views after the first that come from other images than the first.
        images: Number of images per degradation, each with an equal share of the views; 0 applies `other_images`
            instead.
        near: Number of consecutive rows that differ in one operation of the space only, so that its most visible
            operation is not enough to separate negatives; 1 draws all rows independently.
        turned: Whether source crops are flipped and rotated by multiples of 90 degrees at random before they are
            degraded, which augments the content but not the degradation.
    """

    crops: str = "2x64"
    other_images: float = bounded(0.0, 0, 1)
    images: int = bounded(0, 0, 1024)
    near: int = bounded(1, 1, 2**20)
    turned: bool = True

    def sizes(self) -> tuple[CropSize, ...]:
        """Parses `crops` into crop sizes, largest first.

        Raises:
            ValueError: `crops` is not of the form `2x64+4x48`, a crop is too small, or a size is given twice.
        """
        parts = [re.fullmatch(r"(\d+)x(\d+)", part.strip()) for part in self.crops.split("+")]
        sizes = [CropSize(int(match[1]), int(match[2])) for match in parts if match]
        if len(sizes) < len(parts) or any(size.count < 1 for size in sizes):
            raise ValueError(f"views={self.crops!r} is not of the form 2x64 or 2x64+4x48 (count x pixels)")
        if min(size.patch for size in sizes) < MIN_IMAGE_SIDE:
            raise ValueError(f"views={self.crops}: patches need at least {MIN_IMAGE_SIDE} pixels")
        if len({size.patch for size in sizes}) < len(sizes):
            raise ValueError(f"views={self.crops}: give each size once, such as {sizes[0].count * 2}x{sizes[0].patch}")
        return tuple(sorted(sizes, key=lambda size: -size.patch))

    def sources(self) -> ViewSources:
        """Returns the images that the views are drawn from.

        Raises:
            ValueError: An option is out of range, or `images` and `other_images` are both given.
        """
        if self.images and self.other_images:
            raise ValueError(
                f"views.images={self.images} and views.other_images={self.other_images}: give one of the two, not both"
            )
        return ViewSources(self.other_images, self.images, self.near, self.turned)


@dataclass(frozen=True)
class ViewBatch:
    """Views of B degradations.

    Attributes:
        crops: One tensor per crop size, largest first, (B, V_s, 3, p_s, p_s) RGB in [0, 1].
        parameters: True parameters of the degradations for the controls, about unit range, (B, F); (B, 0) for all other
            methods.
        sharp: The same crops before their degradation, with the margin around them, (B, V_s, 3, S_s, S_s) RGB in
            [0, 1], for methods that read them; empty for all others.
        scale: Factor by which the degradation down-samples.
    """

    crops: tuple[Tensor, ...]
    parameters: Tensor
    sharp: tuple[Tensor, ...] = ()
    scale: int = 1


def convert_crops(crops: tuple[Tensor, ...], rows: int, device: torch.device) -> tuple[Tensor, ...]:
    """Converts source crops, per size (B * V_s, 3, S, S) uint8 -> (B, V_s, 3, S, S) in [0, 1]."""
    images = (pixels.to(device, non_blocking=True).to(torch.float32).div_(255) for pixels in crops)
    return tuple(image.view(rows, -1, *image.shape[1:]) for image in images)


def degrade_crops(crops: tuple[Tensor, ...], degradation: Degradation, margin: int) -> tuple[Tensor, ...]:
    """Degrades source crops, per size (B, V_s, 3, S, S) in [0, 1] -> (B, V_s, 3, p_s, p_s) in [0, 1].

    Views are numbered across sizes, so that each has its own noise.

    Args:
        crops: Source pixels per crop size, largest first, margin included.
        degradation: The B degradations.
        margin: Source pixels around each view.
    """
    views, first_view = [], 0
    for images in crops:
        views.append(degrade(images, degradation, margin=margin, first_view=first_view))
        first_view += images.shape[1]
    return tuple(views)
