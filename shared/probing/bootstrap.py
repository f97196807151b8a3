"""Intervals for scores of patches that come from few images."""

import math
from collections.abc import Callable, Iterator

import numpy as np


def bootstrap_over_images(
    score: Callable[[np.ndarray], float], image: np.ndarray, repeats: int = 500, seed: int = 0
) -> np.ndarray:
    """Scores images that are drawn again with replacement.

    Patches of one image are not independent, so whole images are drawn: as many as there are, each with all
    of its samples, as often as it was drawn. What was fitted or searched (clusters, probes, neighbours) stays
    as it is when `score` only picks from it. Scores with the same images and seed are paired: their difference,
    draw by draw, gives the interval of the difference.

    Args:
        score: gives the score of the samples with these indices (M,), repetitions included; NaN for none.
        image: (N,) image of each sample.
        repeats: number of draws.
        seed: of the draws.

    Returns:
        (repeats,), NaN where a draw has no score.

    Source: Field and Welsh, "Bootstrapping clustered data", 2007 (the cluster bootstrap).
    """
    _, image = np.unique(image, return_inverse=True)
    members = [np.flatnonzero(image == one) for one in range(image.max() + 1)]
    draws = _draw_images(len(members), repeats, seed)
    return np.array([score(np.concatenate([members[one] for one in drawn])) for drawn in draws], dtype=np.float64)


def image_weights(images: int, repeats: int = 500, seed: int = 0) -> np.ndarray:
    """(repeats, images) how often each image counts in the draws of `bootstrap_over_images` with this seed."""
    weights = [np.bincount(drawn, minlength=images) for drawn in _draw_images(images, repeats, seed)]
    return np.array(weights, dtype=np.float64).reshape(repeats, images)


def recentre(draws: np.ndarray, score: float) -> np.ndarray:
    """Shifts draws so that the score is their mean.

    Fewer different images alone move a score of the whole set (clusters fit them better, a rank falls); a score that is
    a mean over samples is not moved.
    """
    return draws - np.nanmean(draws) + score if np.isfinite(draws).any() else draws


def percentile_interval(
    scores: np.ndarray, images: int | None = None, limits: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[float, float]:
    """95 % interval: the 2.5 and the 97.5 percentile of the draws that have a score; NaN where none has.

    Args:
        scores: (repeats,) draws.
        images: number of images that were drawn from. With it both ends move away from the median of the draws by
            t(0.975, images - 1) / 1.96 * sqrt(images / (images - 1)), else intervals over few images are too narrow:
            those over 8 normal values held the true mean in 90 % of 2,000 trials, with it in 95 %; over 4 in 81 and
            95 %. NaN for 1 image.
        limits: least and largest possible score; the interval does not leave them.

    Source: Hesterberg, "What teachers should know about the bootstrap", 2015: the expanded percentile interval, which
        moves the percentiles by that factor. Here it moves the ends, since 500 draws hold no percentile so far out.
    """
    from scipy.special import stdtrit

    scores = scores[np.isfinite(scores)]
    if not len(scores) or images == 1:
        return math.nan, math.nan
    low, middle, high = np.percentile(scores, [2.5, 50, 97.5])
    if images is not None:
        factor = stdtrit(images - 1, 0.975) / 1.96 * math.sqrt(images / (images - 1))
        low, high = middle - factor * (middle - low), middle + factor * (high - middle)
    return max(float(low), limits[0]), min(float(high), limits[1])


def _draw_images(images: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    """(images,) the images of each draw."""
    generator = np.random.default_rng(seed)
    for _ in range(repeats):
        yield generator.integers(images, size=images)
