"""What the order of all other samples, nearest first, tells: retrieval, separation, the order of parameters."""

from dataclasses import dataclass

import numpy as np

from shared.probe_measures import unit_rows


@dataclass(frozen=True)
class NeighbourOrder:
    """Per sample, from the samples of other images (but for `degradation_first`); NaN where a measure has no pairs.

    Attributes:
        average_precision: (N,) of retrieving the sample's own degradation, in [0, 1].
        separation: (N, G) per listed degradation, how often a sample of the own degradation is nearer than one of that:
            an AUC in [0, 1], 0.5 by chance; NaN for the own.
        rank_correlation: (N,) Spearman's, of distance in the embedding and distance in parameters, in [-1, 1].
        degradation_first: (N,) how often a sample of the same degradation and another image is nearer than one of the
            same image and another degradation: an AUC in [0, 1]; 1 where only the degradation counts, 0 where only the
            content does.
    """

    average_precision: np.ndarray
    separation: np.ndarray
    rank_correlation: np.ndarray
    degradation_first: np.ndarray


def neighbour_order(
    embedding: np.ndarray, label: np.ndarray, image: np.ndarray, parameters: np.ndarray, seed: int = 0
) -> NeighbourOrder:
    """Orders all samples around each one by cosine similarity.

    Args:
        embedding: (N, D), finite.
        label: (N,) listed degradation of each sample, from 0; all negative where none is listed.
        image: (N,) image of each sample.
        parameters: (N, F) known parameters in comparable units; F may be 0.
        seed: of the order among equal similarities, so that a collapsed embedding scores as chance does.

    Raises:
        ValueError: the shapes disagree or the embedding is not finite.
    """
    unit = unit_rows(embedding, label, image)
    count, groups = len(unit), int(label.max()) + 1
    shuffle = np.random.default_rng(seed).permutation(count)
    unit, label, image, parameters = unit[shuffle], label[shuffle], image[shuffle], parameters[shuffle]
    precision, correlation, first = (np.full(count, np.nan) for _ in range(3))
    separation = np.full((count, max(groups, 0)), np.nan)
    for anchor in range(count):
        similarity = unit @ unit[anchor]
        elsewhere = np.flatnonzero(image != image[anchor])
        nearest = elsewhere[np.argsort(-similarity[elsewhere], kind="stable")]
        if groups > 0:
            own = label[nearest] == label[anchor]
            precision[anchor] = average_precision(own)
            separation[anchor] = _separation(own, label[nearest], groups)
            first[anchor] = _degradation_first(similarity, label, image, anchor)
        if parameters.shape[1] and len(nearest) > 1:
            distance = np.linalg.norm(parameters[nearest] - parameters[anchor], axis=1)
            correlation[anchor] = _rank_correlation(distance)
    back = np.argsort(shuffle)
    return NeighbourOrder(precision[back], separation[back], correlation[back], first[back])


def average_precision(relevant: np.ndarray) -> float:
    """Average precision of a ranking, best first, (M,) bool; NaN where nothing is relevant."""
    found = np.flatnonzero(relevant)
    return float(np.mean(np.arange(1, len(found) + 1) / (found + 1))) if len(found) else float("nan")


def _separation(own: np.ndarray, label: np.ndarray, groups: int) -> np.ndarray:
    """(G,) share of pairs (own sample, sample of a group) in which the own one comes first; NaN for the own group."""
    if not own.any():
        return np.full(groups, np.nan)
    nearer = np.cumsum(own) / own.sum()  # of the own samples, those that come before each sample
    others = ~own
    total = np.bincount(label[others], weights=nearer[others], minlength=groups)
    pairs = np.bincount(label[others], minlength=groups)
    return np.divide(total, pairs, out=np.full(groups, np.nan), where=pairs > 0)


def _degradation_first(similarity: np.ndarray, label: np.ndarray, image: np.ndarray, anchor: int) -> float:
    same_degradation, same_image = label == label[anchor], image == image[anchor]
    wanted, unwanted = same_degradation & ~same_image, same_image & ~same_degradation
    if not wanted.any() or not unwanted.any():
        return float("nan")
    rank = _ranks(np.concatenate([similarity[wanted], similarity[unwanted]]))[: wanted.sum()]
    pairs = wanted.sum() * unwanted.sum()
    return float((rank.sum() - wanted.sum() * (wanted.sum() + 1) / 2) / pairs)  # Mann and Whitney's U


def _rank_correlation(distance: np.ndarray) -> float:
    """Spearman's correlation of distances (M,) with their place in the order."""
    ranks = _ranks(distance)
    if np.ptp(ranks) == 0:
        return float("nan")
    return float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values share the mean of theirs."""
    from scipy.stats import rankdata

    return rankdata(values)
