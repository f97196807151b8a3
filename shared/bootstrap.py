"""Intervals for scores of patches that come from few images."""

from collections.abc import Callable

import numpy as np


def bootstrap_over_images(
    score: Callable[[np.ndarray], float], image: np.ndarray, repeats: int = 500, seed: int = 0
) -> np.ndarray:
    """A score over images that are drawn again with replacement.

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
    generator = np.random.default_rng(seed)
    scores = np.empty(repeats)
    for repeat in range(repeats):
        drawn = generator.integers(len(members), size=len(members))
        scores[repeat] = score(np.concatenate([members[one] for one in drawn]))
    return scores


def centred(draws: np.ndarray, score: float) -> np.ndarray:
    """Draws shifted to have the score as their mean.

    Fewer different images alone move a score of the whole set (clusters fit them better, a rank falls); a score that is
    a mean over samples is not moved.
    """
    return draws - np.nanmean(draws) + score if np.isfinite(draws).any() else draws


def percentile_interval(scores: np.ndarray) -> tuple[float, float]:
    """95 % interval: the 2.5 and the 97.5 percentile of the draws that have a score; NaN where none has."""
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return float("nan"), float("nan")
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)
