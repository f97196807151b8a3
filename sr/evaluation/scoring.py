"""Scores of restorers on a data set under every degradation of a protocol, image by image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.degradations import Degradation, degrade
from shared.degradations.summary import targets
from shared.probing import bootstrap_over_images, percentile_interval
from sr.evaluation.benchmarks import Benchmark
from sr.evaluation.protocols import Protocol, seed_of
from sr.evaluation.restorers import Restorer
from sr.metrics import psnr_y, rounded, ssim_y

PIXELS_AT_ONCE = 2**21  # HR pixels of the degradations of one image that go through together: 2 MP need about 2 GB

Interval = tuple[float, float]


@dataclass(frozen=True)
class Scores:
    """PSNR and SSIM on Y of D degradations of N images, (D, N) float64 each."""

    psnr: np.ndarray
    ssim: np.ndarray


@dataclass(frozen=True)
class Bootstrap:
    """Intervals over images that are drawn again; the same draws for every restorer, so that differences are paired.

    Attributes:
        repeats: draws; 0 gives no intervals.
        seed: of the draws.
    """

    repeats: int
    seed: int

    def mean(self, values: np.ndarray) -> tuple[float, Interval]:
        """The mean of (..., N) scores and its 95 % interval, NaN without one."""
        of_image = values.reshape(-1, values.shape[-1]).mean(0)  # (N,)
        draws = bootstrap_over_images(
            lambda rows: float(of_image[rows].mean()), np.arange(len(of_image)), self.repeats, self.seed
        )
        return float(of_image.mean()), percentile_interval(draws, images=len(of_image))


def score_benchmark(
    restorers: Sequence[Restorer], benchmark: Benchmark, protocol: Protocol, *,
    representation: str = "own", seed: int = 0, bf16: bool = False, device: torch.device,
    after_image: Callable[[], object] = lambda: None,
) -> dict[str, Scores]:  # fmt: skip
    """Degrades every image, restores it and compares; the same LR images for all restorers.

    Args:
        restorers: on the device.
        benchmark: N images.
        protocol: D degradations.
        representation: see `EvaluationConfig`.
        seed: of the noise, and of the choice of others.
        bf16: whether models run under autocast.
        device: where.
        after_image: is called after each.

    Returns:
        Scores by name.
    """
    shape = (len(protocol), len(benchmark))
    scores = {one.name: Scores(np.empty(shape), np.empty(shape)) for one in restorers}
    for i in range(len(benchmark)):
        hr_image = benchmark.hr_image(i, protocol.scale).to(device)
        degradation = protocol.for_image(benchmark.name, benchmark.images[i], seed)
        others = _Others(benchmark, protocol, i, representation, seed, device)
        together = max(1, PIXELS_AT_ONCE // hr_image[0, 0].numel())
        for rows in torch.arange(len(protocol)).split(together):
            lr_images = lr_images_of(hr_image, degradation[rows])
            hr_images = hr_image.expand(len(rows), -1, -1, -1)
            looked_at, parameters = others.seen_for(rows)
            for one in restorers:
                sr_images = one.restore(lr_images, protocol.scale, parameters=parameters, others=looked_at, bf16=bf16)
                of_image = (scores[one.name].psnr[:, i], scores[one.name].ssim[:, i])
                for column, score in zip(of_image, (psnr_y, ssim_y), strict=True):
                    column[rows.numpy()] = score(sr_images, hr_images, protocol.scale).cpu().numpy()
        after_image()
    return scores


def lr_images_of(hr_image: Tensor, degradation: Degradation) -> Tensor:
    """(1, 3, H, W) under D degradations, by the published border rules, as files of 8 bits: (D, 3, h, w)."""
    return rounded(degrade(hr_image[None].expand(len(degradation), -1, -1, -1, -1), degradation)[:, 0])


class _Others:
    """What the representation of one image is taken from, in place of the image itself.

    Which other image and which other degradation is a function of the seed and the image's name.
    """

    def __init__(
        self, benchmark: Benchmark, protocol: Protocol, index: int, representation: str, seed: int, device: torch.device
    ) -> None:
        self.parameters = targets(protocol.degradation).to(device)  # (D, 6)
        self.row = torch.arange(len(protocol))  # of each row, the one that is seen instead
        self.hr_image: Tensor | None = None
        if representation == "own":
            return
        name, image = benchmark.name, benchmark.images[index]
        other = seed_of(seed, "other image", name, image) % (len(benchmark) - 1)
        other += other >= index
        self.hr_image = benchmark.hr_image(other, protocol.scale).to(device)
        self.degradation = protocol.for_image(name, benchmark.images[other], seed)
        if representation == "shuffled":
            shift = 1 + seed_of(seed, "other degradation", name, image) % (len(protocol) - 1)
            self.row = (self.row + shift) % len(protocol)

    def seen_for(self, rows: Tensor) -> tuple[Tensor | None, Tensor]:
        """LR images that are looked at instead, None for the images themselves; and the parameters that are told."""
        seen = self.row[rows]
        looked_at = None if self.hr_image is None else lr_images_of(self.hr_image, self.degradation[seen])
        return looked_at, self.parameters[seen.to(self.parameters.device)]


def check_others(
    restorers: Sequence[Restorer], benchmarks: Sequence[Benchmark], protocol: Protocol, representation: str
) -> None:
    """Refuse a control that cannot be.

    Raises:
        ValueError: there is no other image, no other degradation, or nothing that reads a representation.
    """
    if representation == "own":
        return
    where = f"representation={representation}"
    if not any(one.is_conditioned for one in restorers):
        raise ValueError(f"{where}: none of the models reads a representation; leave it out")
    single = [one.name for one in benchmarks if len(one) < 2]
    if single:
        raise ValueError(f"{where}: the data set {', '.join(single)} has one image alone, two are needed")
    if representation == "shuffled" and len(protocol) < 2:
        raise ValueError(f"{where}: protocol={protocol.name} has one degradation alone, two are needed")
