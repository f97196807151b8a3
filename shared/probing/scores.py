"""Scores of one embedding of a probe set, each with its bootstrap draws over images."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from shared.probing.bootstrap import bootstrap_over_images, image_weights, percentile_interval, recentre
from shared.probing.cluster_agreement import contingency, normalised_mutual_information
from shared.probing.measures import chance_accuracy, chance_nmi, knn_correct, spherical_kmeans, unit_rows
from shared.probing.probe_set import UNLISTED, ProbeSet
from shared.probing.ridge import predict_each, r_squared

NEIGHBOURS = 10  # voters per sample


class ImageSums(NamedTuple):
    """What each image adds to a score, which is the sum of the parts over the sum of the wholes.

    Of an accuracy: the number of right votes, and of votes. Of R^2: the explained squares, and the squares about the
    mean of all targets.
    """

    part: np.ndarray  # (I,)
    whole: np.ndarray  # (I,)


@dataclass(frozen=True)
class EmbeddingScores:
    """How much one embedding encodes of the degradations, and of the content, of a probe set.

    Attributes:
        values: Scores by name; NaN if a score does not apply. `knn_accuracy`, `nmi` and `content_knn`, see
            `shared.probing.measures`, if degradations are listed; `r2/<parameter>`, see `r_squared`. If every patch
            occurs under every degradation, `content_knn` measures the recognition of the patch, not only of its image;
            lower is better.
        draws: Bootstrap draws of each score over images, (repeats,), by the same names.
        chance: Mean score of an uninformative embedding, by the same names; no entry if a score has no such level.
        images: Number of images, on which the width of intervals depends; see `percentile_interval`.
        notes: Remarks for the reader.
        sums: What each image adds to a score, by name, of those scores that are ratios of such sums.
    """

    values: dict[str, float]
    draws: dict[str, np.ndarray]
    chance: dict[str, float]
    images: int | None = None
    notes: list[str] = field(default_factory=list)
    sums: dict[str, ImageSums] = field(default_factory=dict)

    limits: ClassVar[dict[str, tuple[float, float]]] = {}
    """Least and largest possible value of each score that is neither R^2 (at most 1) nor a share (0 to 1)."""

    @property
    def r2(self) -> dict[str, float]:
        """R^2 of each parameter, by its name."""
        return {name.removeprefix("r2/"): value for name, value in self.values.items() if name.startswith("r2/")}

    def interval(self, name: str) -> tuple[float, float]:
        """Returns the 95 % interval of a score over images."""
        limits = (-math.inf, 1) if name.startswith("r2/") else self.limits.get(name, (0, 1))
        return percentile_interval(self.draws[name], self.images, limits)

    def ahead_of(self, other: "EmbeddingScores", name: str) -> tuple[float, float, float]:
        """Returns this score minus the other's, with the 95 % interval of the difference over the same drawn images.

        The choice of images does not explain a difference whose interval excludes 0.
        """
        difference = self.values[name] - other.values[name]
        return difference, *percentile_interval(self.draws[name] - other.draws[name], self.images)


def score_embedding(embedding: np.ndarray, probe: ProbeSet, *, repeats: int = 500, seed: int = 0) -> EmbeddingScores:
    """Scores an embedding of a probe set.

    Accuracy, clusters and content are measured on patches under listed degradations, R^2 on those of
    `ProbeSet.probed`. Runs on one thread, 3 s for 1500 samples of 2048 dimensions: on a busy machine the thread pools
    of numpy, faiss and torch, which spin while they wait for each other, took 30 times as long.

    Args:
        embedding: Finite embedding as the encoder gives it, (N, D).
        probe: Probe set with N patches.
        repeats: Bootstrap draws per interval; 0 for no intervals (they are NaN).
        seed: Seed of the clusters and the bootstrap.

    Raises:
        ValueError: The shapes disagree, the embedding is not finite, or there is only one image or one label.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return EmbeddingScorer(embedding, probe, repeats, seed).score()


class EmbeddingScorer:
    """Implementation of `score_embedding`, with one method per group of measures; a report extends it by more measures.

    Args:
        embedding: Finite embedding, (N, D).
        probe: Probe set with N patches.
        repeats: Bootstrap draws per interval.
        seed: Seed of the clusters and the bootstrap.

    Attributes:
        unit: Embedding with rows of length 1, (N, D).
        image: Index of each sample's image, (N,), from 0.
        listed: Indices of the samples under listed degradations, (L,).
        label: Index of the degradation of each of these samples, (L,), from 0, without gaps.
        weights: Number of times that each image counts in each draw, (repeats, I).
        predictions: Targets and predictions of each probed parameter, (N, P) each, on images that the probe was not
            fitted to.
    """

    def __init__(self, embedding: np.ndarray, probe: ProbeSet, repeats: int, seed: int) -> None:
        self.unit = unit_rows(embedding, probe.label)
        self.embedding, self.probe, self.repeats, self.seed = np.asarray(embedding), probe, repeats, seed
        images, self.image = np.unique(probe.image.numpy(), return_inverse=True)
        self.listed = np.flatnonzero(probe.label != UNLISTED)
        labels, self.label = np.unique(probe.label[self.listed], return_inverse=True)
        for name, count in (("image", len(images)), ("degradation", len(labels) if len(self.listed) else 2)):
            if count < 2:
                raise ValueError(f"a probe set needs at least two {name}s, got {count}")
        self.weights = image_weights(len(images), repeats, seed)
        self.values: dict[str, float] = {}
        self.draws: dict[str, np.ndarray] = {}
        self.chance: dict[str, float] = {}
        self.sums: dict[str, ImageSums] = {}
        self.predictions: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def score(self) -> EmbeddingScores:
        """Computes all scores."""
        if len(self.listed):
            self.add_neighbour_votes()
            self.add_clusters()
        self.add_linear_probes({})
        return EmbeddingScores(self.values, self.draws, self.chance, self.weights.shape[1], sums=self.sums)

    def add_neighbour_votes(self) -> None:
        """Adds the accuracies of the votes of neighbours on the degradation and on the image."""
        embedding, image = self.embedding[self.listed], self.image[self.listed]
        degradation_correct = knn_correct(embedding, self.label, image, NEIGHBOURS)
        image_correct = knn_correct(embedding, image, self.label, NEIGHBOURS)
        for name, correct, chance in (
            ("knn_accuracy", degradation_correct, chance_accuracy(self.label)),
            ("content_knn", image_correct, chance_accuracy(image)),
        ):
            self.add_mean(name, self.fill(correct, self.listed), chance)
            self.sums[name] = self.sum_over_images(correct, np.ones(len(correct)), image)

    def add_clusters(self) -> np.ndarray:
        """Adds the agreement of clusters with the degradations; returns their counts, see `contingency`."""
        cluster = spherical_kmeans(self.embedding[self.listed], int(self.label.max()) + 1, self.seed)
        counts = contingency(self.label, cluster, self.image[self.listed])
        self.add_agreement("nmi", normalised_mutual_information, counts, chance_nmi(self.label))
        return counts

    def add_linear_probes(self, further: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Adds the R^2 of each parameter.

        Args:
            further: Targets of other measures by name, (N, P) each; predicted in the same call they cost little.

        Returns:
            Predictions of the further targets by name, (N, P) each.
        """
        targets = {name: values.reshape(len(values), -1) for name, values in self.probe.targets().items()}
        predicted = predict_each(self.embedding, targets, self.image, further)
        for name, target in targets.items():
            self.predictions[name] = target, predicted[name]
            value, draws = self.bootstrap(r_squared, target, predicted[name])
            self.add(f"r2/{name}", value, draws, chance=0)
            known = np.isfinite(target) & np.isfinite(predicted[name])
            mean = np.nanmean(np.where(known, target, np.nan), axis=0) if known.any() else 0.0
            total = np.where(known, (target - mean) ** 2, 0).sum(1)
            residual = np.where(known, (target - predicted[name]) ** 2, 0).sum(1)
            self.sums[f"r2/{name}"] = self.sum_over_images(total - residual, total, self.image)
        return {name: predicted[name] for name in further}

    def sum_over_images(self, part: np.ndarray, whole: np.ndarray, image: np.ndarray) -> ImageSums:
        """Adds up the values (N,) of the samples of each image."""
        count = self.weights.shape[1]
        return ImageSums(np.bincount(image, part, count), np.bincount(image, whole, count))

    def add(self, name: str, value: float, draws: np.ndarray, chance: float | None = None) -> None:
        """Adds a score."""
        self.values[name], self.draws[name] = value, draws
        if chance is not None:
            self.chance[name] = chance

    def add_mean(self, name: str, values: np.ndarray, chance: float | None = None) -> None:
        """Adds the mean of values (N,), some of which may be NaN."""
        self.add(name, finite_mean(values), self.draw_means(values), chance)

    def add_agreement(
        self, name: str, measure: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, chance: float
    ) -> None:
        """Adds a measure of counts (..., G, K), given those of each image (I, G, K), see `contingency`."""
        value = float(measure(counts.sum(0)))
        draws = measure(np.tensordot(self.weights[:, : len(counts)], counts, axes=1))
        self.add(name, value, recentre(draws, value), chance)

    def draw_means(self, values: np.ndarray) -> np.ndarray:
        """Bootstraps the mean of values (N,) or (N, M), which may be NaN; returns (repeats,) or (repeats, M)."""
        known = np.isfinite(values)
        total, count = np.zeros((2, self.weights.shape[1], *values.shape[1:]))
        np.add.at(total, self.image, np.where(known, values, 0))
        np.add.at(count, self.image, known)
        total, count = self.weights @ total, self.weights @ count
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)

    def bootstrap(
        self,
        measure: Callable[[np.ndarray, np.ndarray], float],
        target: np.ndarray,
        prediction: np.ndarray,
        rows: np.ndarray | slice = slice(None),
    ) -> tuple[float, np.ndarray]:
        """Returns a measure of the predictions (N, P) in some of the rows, and its bootstrap draws (repeats,)."""
        target, prediction = target[rows], prediction[rows]
        draws = bootstrap_over_images(
            lambda drawn: measure(target[drawn], prediction[drawn]), self.image[rows], self.repeats, self.seed
        )
        return measure(target, prediction), draws

    def fill(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Spreads values (L,) or (L, M) of some of the samples to (N,) or (N, M), NaN for all others."""
        result = np.full((len(self.image), *values.shape[1:]), np.nan)
        result[rows] = values
        return result


def finite_mean(values: np.ndarray) -> float:
    """Returns the mean of the finite values; NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan
