"""Held-out images under the degradations that a space is judged by, and how well a model restores them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.command.text_table import aligned_blocks, with_interval
from shared.data.sampling import generator_for
from shared.data.sources import ImageStore
from shared.degradations import Space, degrade
from shared.degradations.summary import targets
from shared.inference import evaluating
from shared.probing import bootstrap_over_images, listed_degradations, percentile_interval
from sr.metrics import psnr_y, rounded, ssim_y
from sr.model import SRModel
from sr.networks.bicubic import enlarged

REPEATS = 500  # draws behind each interval


@dataclass(frozen=True)
class ValidationSet:
    """N images under D degradations.

    Attributes:
        hr_images: N of (1, 3, H, W) in [0, 1].
        lr_images: D lists of N of (1, 3, h, w), rounded to 8 bits.
        names: of the degradations.
        parameters: (D, 6), for oracles.
        image_names: N.
    """

    hr_images: list[Tensor]
    lr_images: list[list[Tensor]]
    names: list[str]
    parameters: Tensor
    image_names: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """PSNR and SSIM on Y, (D, N) each."""

    psnr: np.ndarray
    ssim: np.ndarray

    def interval(self, name: str) -> tuple[float, float]:
        """95 % interval over images of the mean over degradations."""
        return percentile_interval(_draws(getattr(self, name)), images=self.psnr.shape[1])

    def ahead_of(self, other: "Restored") -> tuple[float, tuple[float, float]]:
        """Mean PSNR less the other's, with the 95 % interval over the same drawn images."""
        difference = self.psnr - other.psnr
        return float(difference.mean()), percentile_interval(_draws(difference), images=difference.shape[1])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            f"{name}_y": {
                "mean": float(getattr(self, name).mean()), "interval": list(self.interval(name)),
                "per_degradation": getattr(self, name).mean(1).tolist(),
            }
            for name in ("psnr", "ssim")
        }  # fmt: skip


def build_validation(space: Space, held_out: ImageStore, size: int) -> ValidationSet:
    """Cuts each image to its centre, at most `size` a side, and degrades it by the published border rules.

    Args:
        space: whose listed degradations are taken.
        held_out: images that are not trained on.
        size: largest side of the HR images, at least the scale.
    """
    listed, names = listed_degradations(space)
    scale, store = space.scale, held_out
    hr_images = []
    for index in range(len(store)):
        image = store.image(index).cpu().permute(2, 0, 1).float().div(255)  # (3, H, W)
        hr_images.append(_centre(image, size, scale)[None])
    seeds = torch.randint(2**62, (len(listed), len(store)), generator=generator_for(0, 0x7A11))
    lr_images = [
        [
            rounded(degrade(hr[None], listed[[d]].with_seed(seeds[d, i : i + 1]))[0])
            for i, hr in enumerate(hr_images)
        ]
        for d in range(len(listed))
    ]  # fmt: skip
    return ValidationSet(hr_images, lr_images, names, targets(listed), store.names)


def _centre(image: Tensor, size: int, scale: int) -> Tensor:
    height, width = (min(side, size) // scale * scale for side in image.shape[-2:])
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[:, top : top + height, left : left + width]


def restore_all(
    restore: Callable[[Tensor, Tensor], Tensor], images: ValidationSet, scale: int, device: torch.device
) -> Restored:
    """Scores of a function from LR images (1, 3, h, w) and parameters (1, 6) to SR images, on a device."""
    psnr = np.empty((len(images.names), len(images.hr_images)))
    ssim = np.empty_like(psnr)
    for d, of_degradation in enumerate(images.lr_images):
        parameters = images.parameters[d : d + 1].to(device)
        for i, (lr_image, hr_image) in enumerate(zip(of_degradation, images.hr_images, strict=True)):
            sr_image = restore(lr_image.to(device), parameters).float().cpu()
            psnr[d, i] = float(psnr_y(sr_image, hr_image, scale))
            ssim[d, i] = float(ssim_y(sr_image, hr_image, scale))
    return Restored(psnr, ssim)


def score_model(model: SRModel, images: ValidationSet, *, bf16: bool, device: torch.device) -> Restored:
    """Scores of a model."""
    with evaluating(model), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        return restore_all(lambda lr, known: model(lr, parameters=known), images, model.scale, device)


def score_bicubic(images: ValidationSet, scale: int) -> Restored:
    """Scores of bicubic enlargement."""
    return restore_all(lambda lr, _: enlarged(lr, scale), images, scale, torch.device("cpu"))


def restored_table(rows: dict[str, Restored], names: list[str]) -> str:
    """PSNR per degradation, the means with intervals, and how far the first row is ahead of the others."""
    columns = [["PSNR-Y", *(with_interval(one.psnr.mean(), one.interval("psnr")) for one in rows.values())]]
    columns.append(["SSIM-Y", *(f"{one.ssim.mean():.4f}" for one in rows.values())])
    for d, name in enumerate(names):
        columns.append([name, *(f"{one.psnr[d].mean():.2f}" for one in rows.values())])
    blocks = aligned_blocks(["", *rows], columns)
    (first_name, first), *others = rows.items()
    ahead = [f"{first_name} ahead of {name}, paired: {_signed(first.ahead_of(other))} dB" for name, other in others]
    words = "In brackets the 95 % interval over images; PSNR and SSIM on luma, borders of the scale's width left out."
    return "\n\n".join([*blocks, *ahead, words])


def _signed(ahead: tuple[float, tuple[float, float]]) -> str:
    value, (low, high) = ahead
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _draws(values: np.ndarray) -> np.ndarray:
    means = values.mean(0)  # (N,)
    return bootstrap_over_images(lambda rows: float(means[rows].mean()), np.arange(len(means)), REPEATS)
