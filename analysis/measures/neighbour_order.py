"""Measures of the order of all other samples, nearest first: retrieval, separation, rank correlation."""

from dataclasses import dataclass

import numpy as np

from shared.probing import unit_rows

ANCHOR_CHUNK = 256  # anchors whose similarities are in memory at a time
DECIMALS = 7  # of a cosine; float32 is not more precise, so closer samples are tied


@dataclass(frozen=True)
class NeighbourOrder:
    """Measures of each sample's order of the samples of other images (of all samples for `degradation_first`).

    NaN if a measure has no pairs. Samples that are equally near are tied: such a pair counts one half, the average
    precision is the mean over all their orders, and they share the mean of their ranks. So a collapsed embedding scores
    at chance level.

    Attributes:
        average_precision: Average precision of retrieving the sample's own degradation, (N,), in [0, 1].
        separation: Per listed degradation, how often a sample of the own degradation is nearer than one of that one,
            (N, G): an AUC in [0, 1], 0.5 by chance; NaN for the own degradation.
        rank_correlation: Spearman's correlation of distance in the embedding and distance in parameters, (N,), in
            [-1, 1]; 0 if all samples are equally near.
        degradation_first: How often a sample of the same degradation and another image is nearer than one of the
            same image and another degradation, (N,): an AUC in [0, 1]; 1 if only the degradation counts, 0 if only the
            content does.
    """

    average_precision: np.ndarray
    separation: np.ndarray
    rank_correlation: np.ndarray
    degradation_first: np.ndarray


@dataclass(frozen=True)
class _Ties:
    """Positions in an order that equal values share: from `start` to before `end`, each (M,), in that order."""

    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, ordered: np.ndarray) -> "_Ties":
        edges = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1, [len(ordered)]])
        sizes = np.diff(edges)
        return cls(edges[:-1].repeat(sizes), edges[1:].repeat(sizes))

    @property
    def ranks(self) -> np.ndarray:
        """Ranks from 1: the mean of the tied positions."""
        return (self.start + self.end + 1) / 2


def rank_neighbours(
    embedding: np.ndarray, label: np.ndarray, image: np.ndarray, parameters: np.ndarray
) -> NeighbourOrder:
    """Orders all samples around each sample by cosine similarity and measures these orders.

    Args:
        embedding: Finite embedding, (N, D).
        label: Listed degradation of each sample, (N,), from 0; all negative if none is listed.
        image: Image of each sample, (N,).
        parameters: Known parameters in comparable units, (N, F); F may be 0.

    Raises:
        ValueError: The shapes disagree or the embedding is not finite.
    """
    unit = unit_rows(embedding, label, image).astype(np.float64)
    count, groups = len(unit), max(int(label.max()) + 1, 0)
    precision, correlation, first = (np.full(count, np.nan) for _ in range(3))
    separation = np.full((count, groups), np.nan)
    for start in range(0, count, ANCHOR_CHUNK):
        for anchor, similarity in enumerate(np.round(unit[start : start + ANCHOR_CHUNK] @ unit.T, DECIMALS), start):
            others = np.flatnonzero(image != image[anchor])
            nearest = others[np.argsort(-similarity[others], kind="stable")]
            ties = _Ties.of(similarity[nearest])
            if groups > 0:
                own = label[nearest] == label[anchor]
                precision[anchor] = _average_precision(own, ties)
                separation[anchor] = _separation(own, label[nearest], groups, ties)
                first[anchor] = _degradation_first(similarity, label, image, anchor)
            if parameters.shape[1] and len(nearest) > 1:
                distance = np.linalg.norm(parameters[nearest] - parameters[anchor], axis=1)
                correlation[anchor] = _rank_correlation(distance, ties)
    return NeighbourOrder(precision, separation, correlation, first)


def chance_average_precision(label: np.ndarray, image: np.ndarray) -> float:
    """Returns the mean `average_precision` of samples in a random order.

    For R relevant among N samples that is (R - 1) / (N - 1) + (N - R) / (N (N - 1)) H_N, H_N the N-th harmonic number:
    a relevant sample is equally likely at every position, and the other R - 1 are spread evenly over the other N - 1.

    Args:
        label: Listed degradation of each sample, (N,), from 0.
        image: Image of each sample, (N,), from 0.
    """
    together = np.zeros((int(image.max()) + 1, int(label.max()) + 1))
    np.add.at(together, (image, label), 1)
    relevant = (together.sum(0) - together)[image, label]
    candidates = len(label) - together.sum(1)[image]
    harmonic = np.concatenate([[0], np.cumsum(1 / np.arange(1, len(label) + 1))])
    has_relevant = relevant > 0
    r, n = relevant[has_relevant], candidates[has_relevant]
    further = np.divide(r - 1, n - 1, out=np.zeros_like(r), where=n > 1)
    return float(np.mean(further + (1 - further) * harmonic[n.astype(int)] / n)) if has_relevant.any() else float("nan")


def _average_precision(relevant: np.ndarray, ties: _Ties) -> float:
    """Returns the average precision of a ranking (M,) bool, best first, averaged over the orders of ties.

    NaN if nothing is relevant.

    Source: McSherry and Najork, "Computing information retrieval performance measures efficiently in the presence of
        tied scores", 2008, eq. 6.
    """
    found = np.concatenate([[0], np.cumsum(relevant)])
    if not found[-1]:
        return float("nan")
    position = np.arange(len(relevant))
    before, size = found[ties.start], ties.end - ties.start
    among = found[ties.end] - before
    expected = (
        before + 1 + (position - ties.start) * (among - 1) / np.maximum(size - 1, 1)
    )  # relevant so far, if this sample is relevant
    return float((among / size * expected / (position + 1)).sum() / found[-1])


def _separation(own: np.ndarray, label: np.ndarray, groups: int, ties: _Ties) -> np.ndarray:
    """Returns the share of pairs (own sample, sample of a group) with the own one first, (G,); NaN for its group."""
    if not own.any():
        return np.full(groups, np.nan)
    found = np.concatenate([[0], np.cumsum(own)])
    nearer = (found[ties.start] + found[ties.end]) / 2 / found[-1]  # of the own samples, those before each sample
    others = ~own
    total = np.bincount(label[others], weights=nearer[others], minlength=groups)
    pairs = np.bincount(label[others], minlength=groups)
    return np.divide(total, pairs, out=np.full(groups, np.nan), where=pairs > 0)


def _degradation_first(similarity: np.ndarray, label: np.ndarray, image: np.ndarray, anchor: int) -> float:
    same_degradation, same_image = label == label[anchor], image == image[anchor]
    wanted = similarity[same_degradation & ~same_image]
    unwanted = similarity[same_image & ~same_degradation]
    if not len(wanted) or not len(unwanted):
        return float("nan")
    rank = _ranks(np.concatenate([wanted, unwanted]))[: len(wanted)]
    least = len(wanted) * (len(wanted) + 1) / 2
    return float((rank.sum() - least) / (len(wanted) * len(unwanted)))  # Mann and Whitney's U


def _rank_correlation(distance: np.ndarray, ties: _Ties) -> float:
    """Returns Spearman's correlation of distances (M,) with their rank in the order; NaN if the distances are equal."""
    rank, order = (ranks - (len(distance) + 1) / 2 for ranks in (_ranks(distance), ties.ranks))
    if not rank.any():
        return float("nan")
    return float(rank @ order / np.sqrt((rank @ rank) * (order @ order))) if order.any() else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks values from 1; equal values share the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = _Ties.of(values[order]).ranks
    return ranks
