"""Scores of one embedding of a probe set in a report; they include those of a training run."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np

from analysis.measures.geometry import (
    EffectiveRank,
    Norms,
    Uniformity,
    alignment_per_sample,
    estimate_information,
)
from analysis.measures.neighbour_order import NeighbourOrder, chance_average_precision, rank_neighbours
from analysis.measures.variance_split import VarianceSplit, tabulate
from shared.degradations.summary import summarise_as_vector as unit_targets
from shared.probing import (
    EmbeddingScorer,
    EmbeddingScores,
    ProbeSet,
    adjusted_rand_index,
    chance_accuracy,
    chance_purity,
    finite_mean,
    percentile_interval,
    purity,
    recentre,
    unit_rows,
)

COINCIDENCE_THRESHOLD = 1e-6  # largest squared distance of L2-normalised samples that all coincide
COLLAPSED = "all embeddings of the probe set coincide: the encoder has collapsed"
MORE_IS_BETTER = {
    "knn_accuracy": True,
    "nmi": True,
    "ari": True,
    "purity": True,
    "silhouette": True,
    "map": True,
    "separation": True,
    "rank_correlation": True,
    "family_accuracy": True,
    "content_knn": False,
    "degradation_share": True,
    "content_share": False,
    "interaction_share": False,
    "degradation_first": True,
    "alignment": False,
    "uniformity": False,
    "effective_rank": True,
    "information": True,
}


@dataclass(frozen=True)
class ReportScores(EmbeddingScores):
    """How much one embedding encodes, in all measures of a report.

    Attributes:
        silhouette: Silhouette of each listed degradation.
        silhouette_draws: Bootstrap draws of each silhouette, (repeats,).
        separation: Separation of each pair of listed degradations, (G, G), of the row's samples from the column's;
            see `NeighbourOrder`.
        separation_draws: Bootstrap draws of the separations, (repeats, G, G).
        predictions: True and predicted values of each probed parameter, (N, P) each, on images that the probe was not
            fitted to.
    """

    silhouette: dict[str, float] = field(default_factory=dict)
    silhouette_draws: dict[str, np.ndarray] = field(default_factory=dict)
    separation: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    separation_draws: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    predictions: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    limits: ClassVar[dict[str, tuple[float, float]]] = {
        "silhouette": (-1, 1),
        "rank_correlation": (-1, 1),
        "ari": (-1, 1),
        "alignment": (0, 4),
        "uniformity": (-8, 0),
        "effective_rank": (1, math.inf),
        "information": (0, math.inf),
        "norm_mean": (0, math.inf),
        "norm_spread": (0, math.inf),
    }

    def silhouette_interval(self, degradation: str) -> tuple[float, float]:
        """Returns the 95 % interval of a degradation's silhouette over images."""
        draws = self.silhouette_draws.get(degradation, np.empty(0))
        return percentile_interval(draws, self.images, self.limits["silhouette"])

    def separation_interval(self) -> list[list[tuple[float, float]]]:
        """Returns the 95 % interval of each entry of the separation matrix over images."""
        groups, draws = range(len(self.separation)), self.separation_draws
        return [[percentile_interval(draws[:, i, j], self.images, (0, 1)) for j in groups] for i in groups]

    def to_dict(self) -> dict[str, Any]:
        """Converts to plain values, the worst silhouette first; NaN if a score is undefined."""
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
    """Tells whether all samples of an embedding (N, D) coincide, apart from their norm."""
    unit = unit_rows(embedding)
    return float(((unit - unit[0]) ** 2).sum(1).max()) < COINCIDENCE_THRESHOLD


def score_for_report(embedding: np.ndarray, probe: ProbeSet, *, repeats: int = 500, seed: int = 0) -> ReportScores:
    """Scores an embedding of a probe set; on one thread, some seconds for 2,000 samples of 2,048 dimensions.

    Measures of listed degradations and of neighbours use the patches under these, linear probes those of
    `ProbeSet.probed`, and the geometry of the embedding all patches.

    Args:
        embedding: Embedding as the encoder gives it, (N, D).
        probe: Probe set with N patches.
        repeats: Bootstrap draws per interval.
        seed: Seed of clusters and draws.

    Raises:
        ValueError: The embedding has NaN or infinite values.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _ReportScorer(embedding, probe, repeats, seed).score()


class _ReportScorer(EmbeddingScorer):
    """Implementation of `score_for_report`, with one method per group of measures."""

    def score(self) -> ReportScores:
        notes = [f"{COLLAPSED}, and its scores are at chance level"] if has_collapsed(self.embedding) else []
        comparable = unit_targets(self.probe.degradation).numpy()  # directions too, without gaps
        rows = self.listed if self.probe.is_listed else np.arange(len(self.probe))
        order = rank_neighbours(self.embedding[rows], self.probe.label[rows], self.image[rows], comparable[rows])
        silhouette: dict[str, np.ndarray] = {}
        if self.probe.is_listed:
            self.add_neighbour_votes()
            self._add_neighbour_order(order)
            self._add_cluster_agreement()
            silhouette = self._add_silhouette()
            self._add_variance_split()
        self.add_mean("rank_correlation", self.fill(order.rank_correlation, rows), chance=0)
        self._add_all_linear_probes(comparable[:, np.ptp(comparable, axis=0) > 1e-6])
        self._add_geometry()
        separation = self.fill(order.separation, rows)
        own = [self.probe.label == i for i in range(separation.shape[1])]
        separation_draws = [self.draw_means(np.where(rows[:, None], separation, np.nan)) for rows in own]
        return ReportScores(
            self.values,
            self.draws,
            self.chance,
            self.weights.shape[1],
            notes,
            silhouette={name: finite_mean(values) for name, values in silhouette.items()},
            silhouette_draws={name: self.draw_means(values) for name, values in silhouette.items()},
            separation=np.array([[finite_mean(column) for column in separation[rows].T] for rows in own]),
            separation_draws=np.stack(separation_draws, 1) if own else np.empty((self.repeats, 0, 0)),
            predictions=self.predictions,
        )

    def _add_neighbour_order(self, order: NeighbourOrder) -> None:
        chance = chance_average_precision(self.label, self.image[self.listed])
        separation = np.array([finite_mean(row) for row in order.separation])
        self.add_mean("map", self.fill(order.average_precision, self.listed), chance)
        self.add_mean("separation", self.fill(separation, self.listed), 0.5)
        self.add_mean("degradation_first", self.fill(order.degradation_first, self.listed), 0.5)
        alignment = alignment_per_sample(self.embedding[self.listed], self.label, self.image[self.listed])
        self.add_mean("alignment", self.fill(alignment, self.listed))

    def _add_cluster_agreement(self) -> None:
        counts = self.add_clusters()
        self.add_agreement("ari", adjusted_rand_index, counts, 0)
        self.add_agreement("purity", purity, counts, chance_purity(self.label))

    def _add_silhouette(self) -> dict[str, np.ndarray]:
        """Adds the mean silhouette; returns (N,) by degradation, NaN for the samples of others."""
        from sklearn.metrics import silhouette_samples

        values = self.fill(silhouette_samples(self.unit[self.listed], self.label, metric="cosine"), self.listed)
        self.add_mean("silhouette", values)
        return {name: np.where(self.probe.label == i, values, np.nan) for i, name in enumerate(self.probe.names)}

    def _add_variance_split(self) -> None:
        _, first, content = np.unique(self.probe.content[self.listed], return_index=True, return_inverse=True)
        split = VarianceSplit(tabulate(self.unit[self.listed], self.label, content))
        content_image = self.image[self.listed][first]
        chance = split.chance()
        for share, value in split.shares().items():
            self._add_weighted(
                f"{share}_share", value, partial(_weighted_share, split, content_image, share), chance[share]
            )

    def _add_all_linear_probes(self, comparable: np.ndarray) -> None:
        """Adds linear probes of the parameters and of the family, which share their decompositions."""
        rows = self.probe.probed
        families, names = self.probe.families()
        targets = {"comparable": comparable, "family": np.eye(len(names))[families]}
        probed_targets = {name: np.where(rows[:, None], target, np.nan) for name, target in targets.items()}
        predicted = self.add_linear_probes(probed_targets)
        value, draws = self.bootstrap(estimate_information, comparable, predicted["comparable"], rows)
        self.add("information", value, recentre(draws, value), chance=0)
        if len(names) > 1:
            correct = np.where(rows, predicted["family"].argmax(1) == families, np.nan)
            self.add_mean("family_accuracy", correct, chance_accuracy(families[rows]))

    def _add_geometry(self) -> None:
        uniformity, rank = Uniformity(self.embedding, self.image), EffectiveRank(self.embedding, self.image)
        self._add_weighted("uniformity", uniformity.value(), uniformity.value)
        self._add_weighted("effective_rank", rank.value(), rank.weighted)
        norms = Norms(self.embedding, self.image)
        self._add_weighted("norm_mean", norms.mean(), norms.mean)
        self._add_weighted("norm_spread", norms.spread(), norms.spread)

    def _add_weighted(
        self, name: str, value: float, measure: Callable[[np.ndarray], float], chance: float | None = None
    ) -> None:
        """Adds a score of the whole set, given its measure as a function of how often each image counts (I,)."""
        draws = np.array([measure(weights) for weights in self.weights])
        self.add(name, value, recentre(draws, value), chance)


def _weighted_share(split: VarianceSplit, content_image: np.ndarray, share: str, weights: np.ndarray) -> float:
    return split.shares(weights[content_image])[share]
