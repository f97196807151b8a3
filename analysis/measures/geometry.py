"""The shape of an embedding: how far positives lie apart, how it fills the sphere, how many directions it uses."""

import math

import numpy as np
import torch

from shared.probing import unit_rows

DIRECTIONS = 256  # largest singular values that the bootstrap of the effective rank follows
ROWS = 256  # of the samples' distances that are held at a time
TOGETHER = 1e-6  # share of the largest variance below which a direction of the parameters counts as constant


class Norms:
    """Lengths of the vectors as the encoder gives them, over any weighting of the images.

    Args:
        embedding: (N, D), finite.
        image: (N,) index of each sample's image, from 0.
    """

    def __init__(self, embedding: np.ndarray, image: np.ndarray) -> None:
        length = np.linalg.norm(np.asarray(embedding, dtype=np.float64), axis=1)
        self._moments = np.stack([np.bincount(image, length**power) for power in range(3)])  # (3, I)

    def mean(self, weights: np.ndarray | None = None) -> float:
        """Weights (I,): how often each image counts."""
        count, total, _ = self._weighted(weights)
        return float(total / count)

    def spread(self, weights: np.ndarray | None = None) -> float:
        """The standard deviation over the mean; NaN where all are 0."""
        count, total, squares = self._weighted(weights)
        variance = max(0.0, squares / count - (total / count) ** 2)
        return float(variance**0.5 / (total / count)) if total > 0 else float("nan")

    def _weighted(self, weights: np.ndarray | None) -> np.ndarray:
        return self._moments.sum(1) if weights is None else self._moments @ weights


def alignment_per_sample(embedding: np.ndarray, label: np.ndarray, image: np.ndarray) -> np.ndarray:
    """(N,) mean squared distance of each sample to those of its own degradation in other images, L2-normalised.

    Source: Wang and Isola, 2020, with alpha = 2; positives are here what shares a listed degradation.
    """
    unit = unit_rows(embedding, label, image).astype(np.float64)
    result = np.full(len(unit), np.nan)
    for one in np.unique(label):
        rows = np.flatnonzero(label == one)
        distance = 2 - 2 * unit[rows] @ unit[rows].T
        other = image[rows][:, None] != image[rows]
        counts = other.sum(1)
        sums = np.where(other, distance, 0).sum(1)
        result[rows] = np.divide(sums, counts, out=np.full(len(rows), np.nan), where=counts > 0)
    return result


class Uniformity:
    """Log of the mean Gaussian potential of pairs of samples, over any weighting of the images; lower fills more.

    Args:
        embedding: (N, D), finite.
        image: (N,) index of each sample's image, from 0.

    Source: Wang and Isola, 2020, with t = 2.
    """

    def __init__(self, embedding: np.ndarray, image: np.ndarray) -> None:
        unit = unit_rows(embedding, image).astype(np.float64)
        images = int(image.max()) + 1
        members = np.zeros((len(unit), images))
        members[np.arange(len(unit)), image] = 1
        self._sums = np.zeros((images, images))
        for start in range(0, len(unit), ROWS):
            potential = np.exp(-2 * np.maximum(2 - 2 * unit[start : start + ROWS] @ unit.T, 0))  # (ROWS, N)
            np.fill_diagonal(potential[:, start:], 0)
            self._sums += members[start : start + ROWS].T @ (potential @ members)
        size = members.sum(0)
        self._pairs = np.outer(size, size) - np.diag(size)

    def value(self, weights: np.ndarray | None = None) -> float:
        """In [-8, 0]; weights (I,): how often each image counts; NaN where they leave no pair."""
        weight = np.ones(len(self._sums)) if weights is None else weights
        pairs = weight @ self._pairs @ weight
        return math.log(weight @ self._sums @ weight / pairs) if pairs > 0 else math.nan


class EffectiveRank:
    """Exponential of the entropy of the singular values of the L2-normalised samples, over weightings of the images.

    Args:
        embedding: (N, D), finite.
        image: (N,) index of each sample's image, from 0.

    Source: Roy and Vetterli, "The effective rank: a measure of effective dimensionality", 2007.
    """

    def __init__(self, embedding: np.ndarray, image: np.ndarray) -> None:
        unit = unit_rows(embedding, image).astype(np.float64)
        self._all, coordinates = _principal_coordinates(unit)
        kept = coordinates[:, :DIRECTIONS]
        self._moments = np.stack([kept[image == one].T @ kept[image == one] for one in range(int(image.max()) + 1)])

    def value(self) -> float:
        """In [1, min(N, D)], not centred: samples that all coincide have rank 1."""
        return _entropy_rank(self._all)

    def weighted(self, weights: np.ndarray) -> float:
        """With each image counted `weights` (I,) times; from the largest 256 singular values."""
        moment = np.tensordot(weights, self._moments, axes=1)
        return _entropy_rank(np.sqrt(np.maximum(np.linalg.eigvalsh(moment), 0)))


def _principal_coordinates(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values, largest first, and the samples in the basis of their directions."""
    count, width = unit.shape
    wide = width >= count
    square, vector = torch.linalg.eigh(torch.from_numpy(unit @ unit.T if wide else unit.T @ unit))
    singular = np.sqrt(np.maximum(square.numpy()[::-1], 0))
    vector = vector.numpy()[:, ::-1]
    return singular, vector * singular if wide else unit @ vector


def _entropy_rank(singular: np.ndarray) -> float:
    positive = singular[singular > 0]
    if not len(positive):  # all samples are zero, and coincide
        return 1.0
    share = positive / positive.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def information_read(target: np.ndarray, prediction: np.ndarray) -> float:
    """Mutual information in nats of two views of one degradation, as far as a linear probe reads its parameters.

    Each view tells of the parameters what the probe reads. Where reading one of them explains the share r of its
    variance, two independent readings have the correlation r, and share -1/2 log(1 - r^2); with several parameters r
    runs over the eigenvalues of 1 - R / Cov(t), R the covariance of the residual (all jointly Gaussian).

    Parameters that vary together, as in a short list of degradations, count once: of the standardised parameters only
    the directions count that have 1e-6 of the largest one's variance or more.

    Args:
        target: (N, P), finite.
        prediction: (N, P), of samples that the probe was not fitted to.

    Returns:
        At least 0; 0 where no parameter varies; at most the entropy of the different targets.
    """
    spread = target.std(axis=0)
    varies = spread > 1e-6 * np.maximum(np.abs(target).max(axis=0), 1e-6)
    if not varies.any():
        return 0.0
    scaled = target[:, varies] / spread[varies]
    residual = scaled - prediction[:, varies] / spread[varies]
    variance, direction = np.linalg.eigh(np.atleast_2d(np.cov(scaled.T)))
    kept = variance > TOGETHER * variance[-1]
    whiten = direction[:, kept] / np.sqrt(variance[kept])
    missed = np.linalg.eigvalsh(np.atleast_2d(np.cov((residual @ whiten).T)))
    explained = np.clip(1 - missed, 0, 1 - 1e-9)
    _, counts = np.unique(target, axis=0, return_counts=True)
    entropy = -(counts / len(target) * np.log(counts / len(target))).sum()
    return float(min(0.5 * np.abs(np.log1p(-(explained**2))).sum(), entropy))


def contrastive_floor(negatives: int, information: float) -> float:
    """The least InfoNCE loss in nats of views that share `information`: log(1 + negatives) less that, at least 0.

    Source: van den Oord et al., "Representation learning with contrastive predictive coding", 2018, eq. 5.
    """
    return max(0.0, math.log1p(negatives) - information)
