"""Held-out images under the degradations that a space is judged by, and how well a model restores them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.command import align_columns, format_interval
from shared.data import ImageStore, make_generator
from shared.degradations import Space, summarise_as_vector
from shared.probing.probe_set import listed_degradations
from sr.evaluation.image_scores import ImageScores, format_difference
from sr.evaluation.restorers import BICUBIC, Restorer
from sr.evaluation.scoring import make_lr_images, score_images
from sr.model import SRModel


@dataclass(frozen=True)
class ValidationSet:
    """N images under D degradations.

    Attributes:
        hr_images: N images of (1, 3, H, W) in [0, 1].
        lr_images: D lists of N images of (1, 3, h, w), rounded to 8 bits.
        names: D names of the degradations.
        parameters: the parameters of the degradations, (D, 6), for oracles.
        image_names: N names.
    """

    hr_images: list[Tensor]
    lr_images: list[list[Tensor]]
    names: list[str]
    parameters: Tensor
    image_names: tuple[str, ...]


def build_validation(space: Space, held_out: ImageStore, size: int) -> ValidationSet:
    """Cuts each image to its centre, at most `size` a side, and degrades it by the published border rules.

    Args:
        space: the degradation space, whose listed degradations are taken.
        held_out: images that are not trained on.
        size: largest side of the HR images in pixels, at least the scale.
    """
    listed, names = listed_degradations(space)
    hr_images = []
    for index in range(len(held_out)):
        image = held_out.image(index).cpu().permute(2, 0, 1).float().div(255)  # (3, H, W)
        hr_images.append(_crop_centre(image, size, space.scale)[None])
    seeds = torch.randint(2**62, (len(listed), len(held_out)), generator=make_generator(0, 0x7A11))
    lr_images = [
        [make_lr_images(hr, listed[[d]].with_seed(seeds[d, i : i + 1])) for i, hr in enumerate(hr_images)]
        for d in range(len(listed))
    ]
    return ValidationSet(hr_images, lr_images, names, summarise_as_vector(listed), held_out.names)


def _crop_centre(image: Tensor, size: int, scale: int) -> Tensor:
    height, width = (min(side, size) // scale * scale for side in image.shape[-2:])
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[:, top : top + height, left : left + width]


def score_model(model: SRModel, images: ValidationSet, *, bf16: bool, device: torch.device) -> ImageScores:
    """Scores a model.

    Args:
        model: the model, on the device, in any mode.
        images: the held-out images.
        bf16: whether the model runs under autocast; else in full float32 (no TF32).
        device: the device that computes.
    """
    return _score(Restorer("model", model=model), images, model.scale, bf16=bf16, device=device)


def score_bicubic(images: ValidationSet, scale: int) -> ImageScores:
    """Scores bicubic up-sampling, on the CPU."""
    return _score(Restorer(BICUBIC), images, scale, bf16=False, device=torch.device("cpu"))


def _score(restorer: Restorer, images: ValidationSet, scale: int, *, bf16: bool, device: torch.device) -> ImageScores:
    scores = ImageScores.empty(len(images.names), len(images.hr_images))
    for d, row in enumerate(images.lr_images):
        parameters = images.parameters[d : d + 1].to(device)
        for i, (lr_image, hr_image) in enumerate(zip(row, images.hr_images, strict=True)):
            psnr, ssim = score_images(
                restorer, lr_image.to(device), hr_image.to(device), scale, parameters=parameters, bf16=bf16
            )
            scores.psnr[d, i], scores.ssim[d, i] = psnr[0], ssim[0]
    return scores


def format_scores(rows: dict[str, ImageScores], names: list[str]) -> str:
    """A table of PSNR per degradation, the means with intervals, and how far the first row is ahead of the others."""
    columns = [["PSNR-Y", *(format_interval(one.mean(), one.interval()) for one in rows.values())]]
    columns.append(["SSIM-Y", *(f"{one.mean('ssim'):.4f}" for one in rows.values())])
    for d, name in enumerate(names):
        columns.append([name, *(f"{one.select([d]).mean():.2f}" for one in rows.values())])
    blocks = align_columns(["", *rows], columns)
    (first_name, first), *others = rows.items()
    ahead = [
        f"{first_name} ahead of {name}, paired: {format_difference(*first.ahead_of(other))} dB"
        for name, other in others
    ]
    words = "In brackets the 95 % interval over images; PSNR and SSIM on luma, borders of the scale's width left out."
    return "\n\n".join([*blocks, *ahead, words])
