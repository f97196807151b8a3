"""Geometry of an embedding: distances of positives, coverage of the sphere, number of directions in use."""

import math

import numpy as np
import torch

from shared.probing import unit_rows

MAX_DIRECTIONS = 256  # largest singular values that the bootstrap of the effective rank follows
ROW_CHUNK = 256  # samples whose distances are in memory at a time
MIN_VARIANCE_SHARE = 1e-6  # of the largest variance; below it a direction of the parameters counts as constant


class Norms:
    """Norms of the vectors as the encoder gives them, for any weighting of the images.

    Args:
        embedding: Finite embedding, (N, D).
        image: Index of each sample's image, (N,), from 0.
    """

    def __init__(self, embedding: np.ndarray, image: np.ndarray) -> None:
        norm = np.linalg.norm(np.asarray(embedding, dtype=np.float64), axis=1)
        self._moments = np.stack([np.bincount(image, norm**power) for power in range(3)])  # (3, I)

    def mean(self, weights: np.ndarray | None = None) -> float:
        """Returns the mean; `weights` (I,) say how often each image counts."""
        count, total, _ = self._weighted(weights)
        return float(total / count)

    def spread(self, weights: np.ndarray | None = None) -> float:
        """Returns the standard deviation over the mean; NaN if all norms are 0."""
        count, total, squares = self._weighted(weights)
        variance = max(0.0, squares / count - (total / count) ** 2)
        return float(variance**0.5 / (total / count)) if total > 0 else float("nan")

    def _weighted(self, weights: np.ndarray | None) -> np.ndarray:
        return self._moments.sum(1) if weights is None else self._moments @ weights


def alignment_per_sample(embedding: np.ndarray, label: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns each sample's mean squared distance to those of its degradation in other images, L2-normalised, (N,).

    Source: Wang and Isola, 2020, with alpha = 2; positives here are samples that share a listed degradation.
    """
    unit = unit_rows(embedding, label, image).astype(np.float64)
    result = np.full(len(unit), np.nan)
    for degradation in np.unique(label):
        rows = np.flatnonzero(label == degradation)
        distance = 2 - 2 * unit[rows] @ unit[rows].T
        other = image[rows][:, None] != image[rows]
        counts = other.sum(1)
        sums = np.where(other, distance, 0).sum(1)
        result[rows] = np.divide(sums, counts, out=np.full(len(rows), np.nan), where=counts > 0)
    return result


class Uniformity:
    """Log of the mean Gaussian potential of pairs of samples, for any weighting of the images; lower is more uniform.

    Args:
        embedding: Finite embedding, (N, D).
        image: Index of each sample's image, (N,), from 0.

    Source: Wang and Isola, 2020, with t = 2.
    """

    def __init__(self, embedding: np.ndarray, image: np.ndarray) -> None:
        unit = unit_rows(embedding, image).astype(np.float64)
        images = int(image.max()) + 1
        members = np.zeros((len(unit), images))
        members[np.arange(len(unit)), image] = 1
        self._sums = np.zeros((images, images))
        for start in range(0, len(unit), ROW_CHUNK):
            potential = np.exp(-2 * np.maximum(2 - 2 * unit[start : start + ROW_CHUNK] @ unit.T, 0))  # (ROW_CHUNK, N)
            np.fill_diagonal(potential[:, start:], 0)
            self._sums += members[start : start + ROW_CHUNK].T @ (potential @ members)
        size = members.sum(0)
        self._pairs = np.outer(size, size) - np.diag(size)

    def value(self, weights: np.ndarray | None = None) -> float:
        """Returns the uniformity in [-8, 0]; `weights` (I,) say how often each image counts; NaN if no pair is left."""
        weight = np.ones(len(self._sums)) if weights is None else weights
        pairs = weight @ self._pairs @ weight
        return math.log(weight @ self._sums @ weight / pairs) if pairs > 0 else math.nan


class EffectiveRank:
    """Exponential of the entropy of the singular values of the L2-normalised samples, for weightings of the images.

    Args:
        embedding: Finite embedding, (N, D).
        image: Index of each sample's image, (N,), from 0.

    Source: Roy and Vetterli, "The effective rank: a measure of effective dimensionality", 2007.
    """

    def __init__(self, embedding: np.ndarray, image: np.ndarray) -> None:
        unit = unit_rows(embedding, image).astype(np.float64)
        self._all, coordinates = _principal_coordinates(unit)
        kept = coordinates[:, :MAX_DIRECTIONS]
        per_image = [kept[image == index] for index in range(int(image.max()) + 1)]
        self._moments = np.stack([rows.T @ rows for rows in per_image])

    def value(self) -> float:
        """Returns the rank in [1, min(N, D)], not centred: samples that all coincide have rank 1."""
        return _entropy_rank(self._all)

    def weighted(self, weights: np.ndarray) -> float:
        """Returns the rank with each image counted `weights` (I,) times, from the largest 256 singular values."""
        moment = np.tensordot(weights, self._moments, axes=1)
        return _entropy_rank(np.sqrt(np.maximum(np.linalg.eigvalsh(moment), 0)))


def _principal_coordinates(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes singular values, largest first, and the samples in the basis of their directions."""
    count, width = unit.shape
    wide = width >= count
    square, vector = torch.linalg.eigh(torch.from_numpy(unit @ unit.T if wide else unit.T @ unit))
    singular = np.sqrt(np.maximum(square.numpy()[::-1], 0))
    vector = vector.numpy()[:, ::-1]
    return singular, vector * singular if wide else unit @ vector


def _entropy_rank(singular: np.ndarray) -> float:
    positive = singular[singular > 0]
    if not len(positive):  # all samples are zero
        return 1.0
    share = positive / positive.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def estimate_information(target: np.ndarray, prediction: np.ndarray) -> float:
    """Estimates the mutual information in nats of two views of one degradation, as far as a linear probe reads it.

    Each view carries of the parameters what the probe reads. If reading a parameter explains the share r of its
    variance, two independent readings have the correlation r, and share -1/2 log(1 - r^2); with several parameters r
    runs over the eigenvalues of 1 - R / Cov(t), R the covariance of the residual (all jointly Gaussian).

    Parameters that vary together, as in a short list of degradations, count once: of the standardised parameters only
    directions count whose variance is at least 1e-6 of the largest.

    Args:
        target: Finite true parameters, (N, P).
        prediction: Parameters predicted for samples that the probe was not fitted to, (N, P).

    Returns:
        The information, at least 0; 0 if no parameter varies; at most the entropy of the distinct targets.
    """
    spread = target.std(axis=0)
    varies = spread > 1e-6 * np.maximum(np.abs(target).max(axis=0), 1e-6)
    if not varies.any():
        return 0.0
    scaled = target[:, varies] / spread[varies]
    residual = scaled - prediction[:, varies] / spread[varies]
    variance, direction = np.linalg.eigh(np.atleast_2d(np.cov(scaled.T)))
    kept = variance > MIN_VARIANCE_SHARE * variance[-1]
    whiten = direction[:, kept] / np.sqrt(variance[kept])
    missed = np.linalg.eigvalsh(np.atleast_2d(np.cov((residual @ whiten).T)))
    explained = np.clip(1 - missed, 0, 1 - 1e-9)
    _, counts = np.unique(target, axis=0, return_counts=True)
    entropy = -(counts / len(target) * np.log(counts / len(target))).sum()
    return float(min(0.5 * np.abs(np.log1p(-(explained**2))).sum(), entropy))


def contrastive_floor(negatives: int, information: float) -> float:
    """Returns the lower bound of the InfoNCE loss of views that share `information`, in nats: log(1 + K) - information.

    Args:
        negatives: Number K of negatives.
        information: Mutual information of two views in nats.

    Returns:
        The bound, at least 0.

    Source: van den Oord et al., "Representation learning with contrastive predictive coding", 2018, eq. 5.
    """
    return max(0.0, math.log1p(negatives) - information)
