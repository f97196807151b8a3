"""All scores of one embedding of a probe set, each with its draws over images."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from analysis.embedding.probe_sets import ProbeSet
from analysis.measures.geometry import (
    EffectiveRank,
    Norms,
    Uniformity,
    alignment_per_sample,
    information_read,
)
from analysis.measures.neighbour_order import NeighbourOrder, chance_average_precision, neighbour_order
from analysis.measures.variance_split import VarianceSplit, crossed
from shared.degradations import summarise_as_vector
from shared.probing.bootstrap import bootstrap_over_images, centred, image_weights, percentile_interval
from shared.probing.cluster_agreement import (
    adjusted_rand_index,
    chance_purity,
    contingency,
    normalised_mutual_information,
    purity,
)
from shared.probing.measures import chance_accuracy, chance_nmi, knn_correct, spherical_kmeans, unit_rows
from shared.probing.ridge import r_squared, ridge_predictions

TOGETHER = 1e-6  # largest squared distance of L2-normalised samples that all coincide
COLLAPSED = "all embeddings of the probe set coincide: the encoder has collapsed"
NEIGHBOURS = 10  # that vote
MORE_IS_BETTER = {
    "knn_accuracy": True, "nmi": True, "ari": True, "purity": True, "silhouette": True, "map": True, "separation": True,
    "rank_correlation": True, "family_accuracy": True, "content_knn": False, "degradation_share": True,
    "content_share": False, "interaction_share": False, "degradation_first": True, "alignment": False,
    "uniformity": False, "effective_rank": True, "information": True,
}  # fmt: skip
LIMITS = {
    "silhouette": (-1, 1), "rank_correlation": (-1, 1), "ari": (-1, 1), "alignment": (0, 4), "uniformity": (-8, 0),
    "effective_rank": (1, math.inf), "information": (0, math.inf), "norm_mean": (0, math.inf),
    "norm_spread": (0, math.inf),
}  # fmt: skip
"""Least and largest possible score, where it is not R^2 (at most 1) or a share (0 to 1)."""


@dataclass(frozen=True)
class Scores:
    """What one embedding knows.

    Attributes:
        values: score by name; NaN where it does not apply.
        draws: (repeats,) each, the scores over images drawn again, by the same names.
        chance: what an embedding that knows nothing scores on average; no entry where there is no such level.
        silhouette: per listed degradation.
        separation: (G, G) per pair of listed degradations, of the row's samples against the column's; see
            `NeighbourOrder`.
        predictions: true and predicted values (N,) of every probed parameter, from images that the probe was not
            fitted to; for the angle its two components follow each other.
        notes: sentences for the reader.
        images: number of images, by which the intervals widen; see `percentile_interval`.
        silhouette_draws: (repeats,) by the name of the degradation.
        separation_draws: (repeats, G, G).
    """

    values: dict[str, float]
    draws: dict[str, np.ndarray]
    chance: dict[str, float]
    silhouette: dict[str, float]
    separation: np.ndarray
    predictions: dict[str, tuple[np.ndarray, np.ndarray]]
    notes: list[str] = field(default_factory=list)
    images: int | None = None
    silhouette_draws: dict[str, np.ndarray] = field(default_factory=dict)
    separation_draws: np.ndarray | None = None

    def interval(self, name: str) -> tuple[float, float]:
        """95 % interval over images."""
        limits = (-math.inf, 1) if name.startswith("r2/") else LIMITS.get(name, (0, 1))
        return percentile_interval(self.draws[name], self.images, limits)

    def silhouette_interval(self, degradation: str) -> tuple[float, float]:
        """95 % interval of a degradation's silhouette over images."""
        draws = self.silhouette_draws.get(degradation, np.empty(0))
        return percentile_interval(draws, self.images, LIMITS["silhouette"])

    def separation_interval(self) -> list[list[tuple[float, float]]]:
        """95 % interval of each entry of the matrix over images."""
        groups = range(len(self.separation))
        draws = self.separation_draws
        if draws is None:
            return []
        return [[percentile_interval(draws[:, i, j], self.images, (0, 1)) for j in groups] for i in groups]

    def ahead_of(self, other: "Scores", name: str) -> tuple[float, float, float]:
        """This score less the other's, with the 95 % interval of the difference over the same drawn images."""
        difference = self.values[name] - other.values[name]
        return difference, *percentile_interval(self.draws[name] - other.draws[name], self.images)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the worst silhouette first; NaN where a score has none."""
        worst_first = sorted(self.silhouette.items(), key=lambda item: (np.isnan(item[1]), item[1]))
        return {
            "scores": {
                name: {"value": value, "interval": list(self.interval(name))} for name, value in self.values.items()
            },
            "chance": self.chance,
            "silhouette": {
                name: {"value": value, "interval": list(self.silhouette_interval(name))} for name, value in worst_first
            },
            "separation": self.separation.tolist(),
            "separation_interval": self.separation_interval(),
            "notes": self.notes,
        }


def has_collapsed(embedding: np.ndarray) -> bool:
    """Whether all samples of an embedding (N, D) coincide, but for their length."""
    unit = unit_rows(embedding)
    return float(((unit - unit[0]) ** 2).sum(1).max()) < TOGETHER


def score(embedding: np.ndarray, probe: ProbeSet, *, repeats: int = 500, seed: int = 0) -> Scores:
    """Scores an embedding of a probe set; on one thread, some seconds for 2,000 samples of 2,048 dimensions.

    Args:
        embedding: (N, D) as the subject gives it.
        probe: what was embedded.
        repeats: draws per interval.
        seed: of clusters and draws.

    Raises:
        ValueError: the embedding has NaN or infinite values.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _Scoring(embedding, probe, repeats, seed).scores()


class _Scoring:
    """The work of `score`, one group of measures a method."""

    def __init__(self, embedding: np.ndarray, probe: ProbeSet, repeats: int, seed: int) -> None:
        self.unit = unit_rows(embedding)
        self.embedding, self.probe, self.repeats, self.seed = np.asarray(embedding), probe, repeats, seed
        _, self.image = np.unique(probe.image.numpy(), return_inverse=True)
        images = int(self.image.max()) + 1
        self.weights = image_weights(images, repeats, seed)  # (repeats, I)
        self.member = (np.arange(images)[:, None] == self.image).astype(np.float64)  # (I, N)
        self.values: dict[str, float] = {}
        self.draws: dict[str, np.ndarray] = {}
        self.chance: dict[str, float] = {}
        self.silhouette: dict[str, float] = {}
        self.silhouette_draws: dict[str, np.ndarray] = {}
        self.predictions: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.notes: list[str] = []

    def scores(self) -> Scores:
        if has_collapsed(self.embedding):
            self.notes.append(f"{COLLAPSED}, and every score is chance")
        comparable = summarise_as_vector(self.probe.degradation).numpy()  # directions too, without gaps
        order = neighbour_order(self.embedding, self.probe.label, self.image, comparable)
        if self.probe.is_listed:
            self._clusters()
            self._neighbours(order)
            self._content(order)
        self._per_sample("rank_correlation", order.rank_correlation, chance=0)
        self._probes(comparable[:, np.ptp(comparable, axis=0) > 1e-6])
        self._geometry()
        separation, separation_draws = self._matrix(order)
        return Scores(
            self.values, self.draws, self.chance, self.silhouette, separation, self.predictions, self.notes,
            len(self.member), self.silhouette_draws, separation_draws,
        )  # fmt: skip

    def _add(self, name: str, value: float, draws: np.ndarray, chance: float | None = None) -> None:
        self.values[name], self.draws[name] = value, draws
        if chance is not None:
            self.chance[name] = chance

    def _per_sample(self, name: str, values: np.ndarray, chance: float | None = None) -> None:
        """The mean of values (N,), some of which may be NaN."""
        self._add(name, _mean(values), self._draws_of_mean(values), chance)

    def _draws_of_mean(self, values: np.ndarray) -> np.ndarray:
        """The mean of values (N,) or (N, M), some of which may be NaN, over images drawn again: (repeats,) or more."""
        known = np.isfinite(values)
        total = self.weights @ (self.member @ np.where(known, values, 0))
        count = self.weights @ (self.member @ known)
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)

    def _of_set(self, name: str, value: float, of: Callable[[np.ndarray], float], chance: float | None = None) -> None:
        """A score of a whole set, given how often each image counts (I,)."""
        self._add(name, value, centred(np.array([of(weights) for weights in self.weights]), value), chance)

    def _clusters(self) -> None:
        from sklearn.metrics import silhouette_samples

        label = self.probe.label
        cluster = spherical_kmeans(self.embedding, len(self.probe.names), self.seed)
        counts = contingency(label, cluster, self.image)

        def add(name: str, measure: Callable[[np.ndarray], np.ndarray], chance: float) -> None:
            self._of_set(name, float(measure(counts.sum(0))), partial(_agreement, measure, counts), chance)

        add("nmi", normalised_mutual_information, chance_nmi(label))
        add("ari", adjusted_rand_index, 0)
        add("purity", purity, chance_purity(label))
        silhouette = silhouette_samples(self.unit, label, metric="cosine")
        self._per_sample("silhouette", silhouette)
        for i, name in enumerate(self.probe.names):
            self.silhouette[name] = _mean(silhouette[label == i])
            self.silhouette_draws[name] = self._draws_of_mean(np.where(label == i, silhouette, np.nan))

    def _neighbours(self, order: NeighbourOrder) -> None:
        label = self.probe.label
        correct = knn_correct(self.embedding, label, self.image, NEIGHBOURS).astype(float)
        self._per_sample("knn_accuracy", correct, chance_accuracy(label))
        self._per_sample("map", order.average_precision, chance_average_precision(label, self.image))
        self._per_sample("separation", np.array([_mean(row) for row in order.separation]), 0.5)

    def _content(self, order: NeighbourOrder) -> None:
        label, content = self.probe.label, self.probe.content
        correct = knn_correct(self.embedding, self.image, label, NEIGHBOURS).astype(float)
        self._per_sample("content_knn", correct, chance_accuracy(self.image))
        self._per_sample("degradation_first", order.degradation_first, 0.5)
        split = VarianceSplit(crossed(self.unit, label, content))
        image_of = self.image[np.unique(content, return_index=True)[1]]  # of each content
        chance = split.chance()
        for share, value in split.shares().items():
            self._of_set(f"{share}_share", value, partial(_share_of, split, image_of, share), chance[share])

    def _probes(self, comparable: np.ndarray) -> None:
        """Linear probes of the parameters and of the family, in one run: they share their decompositions."""
        families, names = self.probe.families()
        targets = {name: target.reshape(len(target), -1) for name, target in self.probe.targets().items()}
        everything = {**targets, "comparable": comparable, "family": np.eye(len(names))[families]}
        predicted = ridge_predictions(self.embedding, np.concatenate(list(everything.values()), axis=1), self.image)
        starts = np.cumsum([target.shape[1] for target in everything.values()])[:-1]
        *of_targets, of_comparable, votes = np.split(predicted, starts, axis=1)
        for (name, target), prediction in zip(targets.items(), of_targets, strict=True):
            self.predictions[name] = target, prediction
            value, draws = self._bootstrap(partial(_of_rows, r_squared, target, prediction))
            self._add(f"r2/{name}", value, draws, chance=0)
        value, draws = self._bootstrap(partial(_of_rows, information_read, comparable, of_comparable))
        self._add("information", value, centred(draws, value), chance=0)
        if len(names) > 1:
            correct = (votes.argmax(1) == families).astype(float)
            self._per_sample("family_accuracy", correct, chance_accuracy(families))

    def _bootstrap(self, of: Callable[[np.ndarray], float]) -> tuple[float, np.ndarray]:
        return of(np.arange(len(self.image))), bootstrap_over_images(of, self.image, self.repeats, self.seed)

    def _geometry(self) -> None:
        if self.probe.is_listed:
            self._per_sample("alignment", alignment_per_sample(self.embedding, self.probe.label, self.image))
        uniformity, rank = Uniformity(self.embedding, self.image), EffectiveRank(self.embedding, self.image)
        self._of_set("uniformity", uniformity.value(), uniformity.value)
        self._of_set("effective_rank", rank.value(), rank.weighted)
        norms = Norms(self.embedding, self.image)
        self._of_set("norm_mean", norms.mean(), norms.mean)
        self._of_set("norm_spread", norms.spread(), norms.spread)

    def _matrix(self, order: NeighbourOrder) -> tuple[np.ndarray, np.ndarray]:
        """Separation (G, G) of the listed degradations, and over images drawn again (repeats, G, G)."""
        own = [self.probe.label == i for i in range(len(self.probe.names))]
        means = np.array([[_mean(column) for column in order.separation[rows].T] for rows in own])
        draws = [self._draws_of_mean(np.where(rows[:, None], order.separation, np.nan)) for rows in own]
        return means, np.stack(draws, 1) if draws else np.empty((self.repeats, 0, 0))


def _agreement(measure: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, weights: np.ndarray) -> float:
    return float(measure(np.tensordot(weights, counts, axes=1)))


def _of_rows(
    measure: Callable[[np.ndarray, np.ndarray], float], target: np.ndarray, prediction: np.ndarray, rows: np.ndarray
) -> float:
    return measure(target[rows], prediction[rows])


def _share_of(split: VarianceSplit, image_of: np.ndarray, share: str, weights: np.ndarray) -> float:
    return split.shares(weights[image_of])[share]


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
