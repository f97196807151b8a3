"""Scores of restorers: on a batch of images, and on a data set under every degradation of a protocol."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from shared.degradations import Degradation, degrade, summarise_as_vector
from sr.evaluation.benchmarks import Benchmark
from sr.evaluation.image_scores import ImageScores
from sr.evaluation.protocols import Protocol, derive_seed
from sr.evaluation.restorers import Restorer
from sr.metrics import psnr_y, quantize_8bit, ssim_y

PIXEL_CHUNK = 2**21  # HR pixels that are restored together, for all degradations of an image: they need about 2 GB


def score_images(
    restorer: Restorer,
    lr_images: Tensor,
    hr_images: Tensor,
    scale: int,
    *,
    parameters: Tensor | None = None,
    references: Tensor | None = None,
    bf16: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Super-resolves LR images and compares the results with the HR images.

    Args:
        restorer: The restorer, on the device of the images.
        lr_images: LR images, (B, 3, h, w) in [0, 1].
        hr_images: HR images, (B, 3, scale * h, scale * w) in [0, 1].
        scale: Up-sampling factor, which is also the width in pixels of the border that is excluded.
        parameters, references, bf16: As in `Restorer.restore`.

    Returns:
        PSNR in dB and SSIM on Y, (B,) float64 each.
    """
    sr_images = restorer.restore(lr_images, scale, parameters=parameters, references=references, bf16=bf16)
    psnr, ssim = (score(sr_images, hr_images, scale).cpu().numpy() for score in (psnr_y, ssim_y))
    return psnr, ssim


def score_benchmark(
    restorers: Sequence[Restorer],
    benchmark: Benchmark,
    protocol: Protocol,
    *,
    representation: str = "own",
    seed: int = 0,
    bf16: bool = False,
    device: torch.device,
    after_image: Callable[[], object] = lambda: None,
) -> dict[str, ImageScores]:
    """Degrades every image, restores it and scores the result, with the same LR images for all restorers.

    Args:
        restorers: The restorers, on the device.
        benchmark: The N images.
        protocol: The D degradations.
        representation: Source of the representation, see `EvaluationConfig`.
        seed: Seed of the noise, and of the choice of other images and degradations.
        bf16: Whether models run under autocast.
        device: Device that computes.
        after_image: Function that is called after each image.

    Returns:
        The scores by the name of the restorer.
    """
    scores = {one.name: ImageScores.empty(len(protocol), len(benchmark)) for one in restorers}
    for i in range(len(benchmark)):
        hr_image = benchmark.hr_image(i, protocol.scale).to(device)
        degradation = protocol.for_image(benchmark.name, benchmark.image_names[i], seed)
        inputs = _RepresentationInputs(benchmark, protocol, i, representation, seed, device)
        chunk = max(1, PIXEL_CHUNK // hr_image[0, 0].numel())
        for rows in torch.arange(len(protocol)).split(chunk):
            lr_images = make_lr_images(hr_image, degradation[rows])
            hr_images = hr_image.expand(len(rows), -1, -1, -1)
            references, parameters = inputs.select(rows)
            for restorer in restorers:
                psnr, ssim = score_images(
                    restorer,
                    lr_images,
                    hr_images,
                    protocol.scale,
                    parameters=parameters,
                    references=references,
                    bf16=bf16,
                )
                scores[restorer.name].psnr[rows.numpy(), i] = psnr
                scores[restorer.name].ssim[rows.numpy(), i] = ssim
        after_image()
    return scores


def make_lr_images(hr_image: Tensor, degradation: Degradation) -> Tensor:
    """Degrades an image with the published padding and rounds the results to 8 bits.

    Args:
        hr_image: HR image, (1, 3, H, W) in [0, 1].
        degradation: D degradations, with the seeds of their noise.

    Returns:
        The LR images, (D, 3, h, w) in [0, 1].
    """
    return quantize_8bit(degrade(hr_image[None].expand(len(degradation), -1, -1, -1, -1), degradation)[:, 0])


class _RepresentationInputs:
    """The inputs that the representation of one image is computed from: the image or, as a control, another one.

    The other image and the other degradation are functions of the seed and the image's name.
    """

    def __init__(
        self, benchmark: Benchmark, protocol: Protocol, index: int, representation: str, seed: int, device: torch.device
    ) -> None:
        self.parameters = summarise_as_vector(protocol.degradation).to(device)  # (D, 6)
        self.row = torch.arange(len(protocol))  # the degradation used in place of each
        self.hr_image: Tensor | None = None
        if representation == "own":
            return
        name, image = benchmark.name, benchmark.image_names[index]
        other = derive_seed(seed, "other image", name, image) % (len(benchmark) - 1)
        other += other >= index
        self.hr_image = benchmark.hr_image(other, protocol.scale).to(device)
        self.degradation = protocol.for_image(name, benchmark.image_names[other], seed)
        if representation == "shuffled":
            shift = 1 + derive_seed(seed, "other degradation", name, image) % (len(protocol) - 1)
            self.row = (self.row + shift) % len(protocol)

    def select(self, rows: Tensor) -> tuple[Tensor | None, Tensor]:
        """Returns the reference images, None for the images themselves, and the parameters for oracles."""
        used = self.row[rows]
        references = None if self.hr_image is None else make_lr_images(self.hr_image, self.degradation[used])
        return references, self.parameters[used.to(self.parameters.device)]


def check_control(
    restorers: Sequence[Restorer], benchmarks: Sequence[Benchmark], protocol: Protocol, representation: str
) -> None:
    """Refuses a control that is impossible.

    Raises:
        ValueError: There is no other image, no other degradation, or no model that reads a representation.
    """
    if representation == "own":
        return
    option = f"representation={representation}"
    if not any(one.is_conditioned for one in restorers):
        raise ValueError(f"{option}: none of the models reads a representation; remove it")
    single = [one.name for one in benchmarks if len(one) < 2]
    if single:
        raise ValueError(f"{option} needs two images, but the data set {', '.join(single)} has only one")
    if representation == "shuffled" and len(protocol) < 2:
        raise ValueError(f"{option} needs two degradations, but protocol={protocol.name} has only one")
