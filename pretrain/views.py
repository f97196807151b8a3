"""Views: degraded crops, the input of every method."""

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.data import CropSize, ViewSources
from shared.degradations import Degradation, degrade
from shared.encoders import MIN_IMAGE_SIDE


@dataclass
class ViewsConfig:
    """Views of one degradation.

    Attributes:
        crops: counts and sizes in pixels, such as `2x64` or `2x64+4x48`; the largest give the targets. Crops are plain:
            resizing would change blur and noise.
        other_images: share (0..1) of the views beyond the first that come from other images.
        images: exactly so many images per degradation, the views dealt evenly (`patches per image` = views / images);
            0 leaves it to `other_images`.
        near: rows in succession that differ in one operation of the space only, so that the most visible one does not
            suffice to tell negatives apart; 1 = independent rows.
        turned: mirror and turn the source crops at random before they are degraded, so that few images show more.
    """

    crops: str = "2x64"
    other_images: float = 0.0
    images: int = 0
    near: int = 1
    turned: bool = True

    def sizes(self) -> tuple[CropSize, ...]:
        """The crop sizes, largest first.

        Raises:
            ValueError: `crops` is not of the form above, or a value is out of range.
        """
        parts = [re.fullmatch(r"(\d+)x(\d+)", part.strip()) for part in self.crops.split("+")]
        found = [CropSize(int(match[1]), int(match[2])) for match in parts if match]
        if len(found) < len(parts) or any(size.count < 1 for size in found):
            raise ValueError(f"views={self.crops!r} is not of the form 2x64 or 2x64+4x48 (count x pixels)")
        if min(size.patch for size in found) < MIN_IMAGE_SIDE:
            raise ValueError(f"views={self.crops}: patches have at least {MIN_IMAGE_SIDE} pixels")
        if len({size.patch for size in found}) < len(found):
            raise ValueError(
                f"views={self.crops}: each size stands once, such as {found[0].count * 2}x{found[0].patch}"
            )
        return tuple(sorted(found, key=lambda size: -size.patch))

    def sources(self) -> ViewSources:
        """Which images the views come from.

        Raises:
            ValueError: a share outside 0..1, or both options at once.
        """
        if not 0 <= self.other_images <= 1:
            raise ValueError(f"views.other_images={self.other_images} must be within 0..1")
        if self.images < 0 or (self.images and self.other_images):
            raise ValueError(
                f"views.images={self.images} and views.other_images={self.other_images}: give one of the two, not both"
            )
        if self.near < 1:
            raise ValueError(f"views.near={self.near} must be at least 1")
        return ViewSources(self.other_images, self.images, self.near, self.turned)


@dataclass(frozen=True)
class ViewBatch:
    """The views of B degradations.

    Attributes:
        crops: one entry per crop size, largest first, each (B, V_s, 3, p_s, p_s) RGB in [0, 1].
        parameters: (B, F) known parameters, about unit range, for the controls; (B, 0) for every other method.
    """

    crops: tuple[Tensor, ...]
    parameters: Tensor


def degraded_crops(
    crops: tuple[Tensor, ...], degradation: Degradation, margin: int, device: torch.device
) -> tuple[Tensor, ...]:
    """Degrade source crops, per size (B * V_s, 3, S, S) uint8 -> (B, V_s, 3, p_s, p_s) in [0, 1].

    Views are numbered across sizes, so that each has noise of its own.
    """
    rows, views, first_view = len(degradation), [], 0
    for pixels in crops:
        images = pixels.to(device, non_blocking=True).to(torch.float32).div_(255)
        images = images.view(rows, -1, *images.shape[1:])
        views.append(degrade(images, degradation, margin=margin, first_view=first_view))
        first_view += images.shape[1]
    return tuple(views)
