"""Scores of restored images, with intervals over images that are paired between restorers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.probing import bootstrap_over_images, percentile_interval

MEASURES = ("psnr", "ssim")
CAPTION = "In brackets: 95 % interval over images. PSNR (dB) and SSIM on luma, `scale` border pixels excluded."

Interval = tuple[float, float]


@dataclass(frozen=True)
class Bootstrap:
    """A bootstrap over images, with the same draws for every restorer, so that differences are paired.

    Attributes:
        repeats: Number of draws; 0 = no intervals.
        seed: Seed of the draws.
    """

    repeats: int = 500
    seed: int = 0

    def interval(self, values: np.ndarray) -> Interval:
        """Computes the 95 % interval, over N images, of the mean of scores (D, N); NaN if there is none."""
        means = values.mean(0)  # (N,)
        draws = bootstrap_over_images(
            lambda rows: float(means[rows].mean()), np.arange(len(means)), self.repeats, self.seed
        )
        return percentile_interval(draws, images=len(means))


DEFAULT_BOOTSTRAP = Bootstrap()


@dataclass(frozen=True)
class ImageScores:
    """PSNR and SSIM on Y of N images under D degradations.

    Attributes:
        psnr: PSNR in dB, (D, N) float64.
        ssim: SSIM in [-1, 1], (D, N) float64.
    """

    psnr: np.ndarray
    ssim: np.ndarray

    @classmethod
    def empty(cls, degradations: int, images: int) -> "ImageScores":
        """Makes scores to be filled in, NaN until then."""
        return cls(*(np.full((degradations, images), np.nan) for _ in MEASURES))

    def select(self, degradations: Sequence[int]) -> "ImageScores":
        """Returns the scores under some of the degradations."""
        rows = list(degradations)
        return ImageScores(self.psnr[rows], self.ssim[rows])

    def mean(self, measure: str = "psnr") -> float:
        """Computes the mean of a measure over degradations and images."""
        return float(getattr(self, measure).mean(0).mean())

    def interval(self, measure: str = "psnr", bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> Interval:
        """Computes the 95 % interval, over images, of the mean of a measure."""
        return bootstrap.interval(getattr(self, measure))

    def ahead_of(self, other: "ImageScores", bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> tuple[float, Interval]:
        """Computes the mean PSNR minus that of another restorer of the same images, and its paired 95 % interval."""
        difference = self.psnr - other.psnr
        return float(difference.mean(0).mean()), bootstrap.interval(difference)

    def summarize(self, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> dict[str, Any]:
        """Summarizes both measures as plain JSON: means and intervals."""
        return {
            f"{measure}_y": describe_mean(self.mean(measure), self.interval(measure, bootstrap)) for measure in MEASURES
        }

    def to_dict(self, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> dict[str, Any]:
        """Converts the scores to plain JSON: the summary, and means per degradation."""
        per_degradation = {f"{measure}_y": getattr(self, measure).mean(1).tolist() for measure in MEASURES}
        return {
            name: summary | {"per_degradation": per_degradation[name]}
            for name, summary in self.summarize(bootstrap).items()
        }


def describe_mean(value: float, interval: Interval) -> dict[str, Any]:
    """Converts a mean and its interval to plain JSON, which has no NaN: a missing interval is null."""
    return {"mean": value, "interval": None if math.isnan(interval[0]) else list(interval)}


def format_difference(value: float, interval: Interval) -> str:
    """Formats a difference as `+0.52 [+0.48, +0.56]`, or as `+0.52` if it has no interval."""
    low, high = interval
    return f"{value:+.2f}" if math.isnan(low) else f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
