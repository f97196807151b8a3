"""Validation: held-out images under the listed degradations of a space, and scores of a model on them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.command import align_columns, format_interval
from shared.data.sampling import make_generator
from shared.data.sources import ImageStore
from shared.degradations import Space
from shared.degradations.summary import summarise_as_vector
from shared.probing import listed_degradations
from sr.evaluation.image_scores import CAPTION, ImageScores, format_difference
from sr.evaluation.restorers import BICUBIC, Restorer
from sr.evaluation.scoring import make_lr_images, score_images
from sr.model import SRModel


@dataclass(frozen=True)
class ValidationSet:
    """N images under D degradations.

    Attributes:
        hr_images: N HR images, (1, 3, H, W) in [0, 1].
        lr_images: D lists of N LR images, (1, 3, h, w), rounded to 8 bits.
        names: D names of the degradations.
        parameters: Parameters of the degradations, (D, 6), for oracles.
        image_names: N names of the images.
    """

    hr_images: list[Tensor]
    lr_images: list[list[Tensor]]
    names: list[str]
    parameters: Tensor
    image_names: tuple[str, ...]


def build_validation(space: Space, held_out: ImageStore, size: int) -> ValidationSet:
    """Crops each image to its centre, at most `size` a side, and degrades it with the published padding.

    Args:
        space: The degradation space, whose listed degradations are used.
        held_out: Images that are not trained on.
        size: Largest side of the HR images in pixels, at least the scale.
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
    """Scores a model on held-out images.

    Args:
        model: The model, on the device, in any mode.
        images: The held-out images.
        bf16: Whether the model runs under autocast; otherwise in full float32 (no TF32).
        device: Device that computes.
    """
    return _score(Restorer("model", model=model), images, model.scale, bf16=bf16, device=device)


def score_bicubic(images: ValidationSet, scale: int) -> ImageScores:
    """Scores bicubic up-sampling on held-out images, on the CPU."""
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
    """Formats a table: means with intervals, PSNR per degradation, and how far the first row is ahead of the others.

    Args:
        rows: The scores by the name of the restorer.
        names: Names of the degradations.
    """
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
    return "\n\n".join([*blocks, *ahead, CAPTION])
