"""All scores of one embedding of a probe set, each with its draws over images."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from analysis.content import VarianceSplit, crossed
from analysis.geometry import (
    EffectiveRank,
    Uniformity,
    alignment_per_sample,
    information_read,
    norms,
)
from analysis.neighbour_order import NeighbourOrder, neighbour_order
from analysis.probe_sets import ProbeSet
from shared.bootstrap import bootstrap_over_images, centred, percentile_interval
from shared.degradations.summary import targets as unit_targets
from shared.probe_measures import chance_accuracy, chance_nmi, knn_correct, spherical_kmeans, unit_rows
from shared.ridge_probe import r_squared, ridge_predictions

COLLAPSED = 1e-6  # largest squared distance of L2-normalised samples that all coincide
NEIGHBOURS = 10  # that vote
MORE_IS_BETTER = {
    "knn_accuracy": True, "nmi": True, "ari": True, "purity": True, "silhouette": True, "map": True, "separation": True,
    "rank_correlation": True, "family_accuracy": True, "content_knn": False, "degradation_share": True,
    "content_share": False, "interaction_share": False, "degradation_first": True, "alignment": False,
    "uniformity": False, "effective_rank": True, "information": True,
}  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """What one embedding knows.

    Attributes:
        values: score by name; NaN where it does not apply.
        draws: (repeats,) each, the scores over images drawn again, by the same names.
        chance: of the scores whose level without any knowledge is not 0.
        silhouette: per listed degradation.
        separation: (G, G) per pair of listed degradations, of the row's samples against the column's; see
            `NeighbourOrder`.
        predictions: true and predicted values (N,) of every probed parameter, from images that the probe was not
            fitted to; for the angle its two components follow each other.
        notes: sentences for the reader.
    """

    values: dict[str, float]
    draws: dict[str, np.ndarray]
    chance: dict[str, float]
    silhouette: dict[str, float]
    separation: np.ndarray
    predictions: dict[str, tuple[np.ndarray, np.ndarray]]
    notes: list[str] = field(default_factory=list)

    def interval(self, name: str) -> tuple[float, float]:
        """95 % interval over images."""
        return percentile_interval(self.draws[name])

    def ahead_of(self, other: "Scores", name: str) -> tuple[float, float, float]:
        """This score less the other's, with the 95 % interval of the difference over the same drawn images."""
        difference = self.values[name] - other.values[name]
        return difference, *percentile_interval(self.draws[name] - other.draws[name])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; None where a score is NaN."""
        return {
            "scores": {
                name: {"value": _json(value), "interval": [_json(end) for end in self.interval(name)]}
                for name, value in self.values.items()
            },
            "chance": {name: _json(value) for name, value in self.chance.items()},
            "silhouette": {name: _json(value) for name, value in self.silhouette.items()},
            "separation": [[_json(value) for value in row] for row in self.separation.tolist()],
            "notes": self.notes,
        }


def score(embedding: np.ndarray, probe: ProbeSet, *, repeats: int = 500, seed: int = 0) -> Scores:
    """Scores an embedding of a probe set; on one thread, some seconds for 2,000 samples of 2,048 dimensions.

    Args:
        embedding: (N, D) as the subject gives it.
        probe: what was embedded.
        repeats: draws per interval.
        seed: of clusters, draws and the order among equals.

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
        self.values: dict[str, float] = {}
        self.draws: dict[str, np.ndarray] = {}
        self.chance: dict[str, float] = {}
        self.silhouette: dict[str, float] = {}
        self.predictions: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.notes: list[str] = []

    def scores(self) -> Scores:
        if float(((self.unit - self.unit[0]) ** 2).sum(1).max()) < COLLAPSED:
            self.notes.append("all embeddings coincide: the encoder has collapsed, and every score is chance")
        order = neighbour_order(
            self.embedding, self.probe.label, self.image, unit_targets(self.probe.degradation).numpy(), self.seed
        )
        if self.probe.is_listed:
            self._clusters()
            self._neighbours(order)
            self._content(order)
        self._per_sample("rank_correlation", order.rank_correlation)
        self._probes()
        self._geometry()
        return Scores(
            self.values, self.draws, self.chance, self.silhouette, self._matrix(order), self.predictions, self.notes
        )

    def _add(self, name: str, of: Callable[[np.ndarray], float], *, of_set: bool = False) -> None:
        self.values[name] = of(np.arange(len(self.image)))
        draws = bootstrap_over_images(of, self.image, self.repeats, self.seed)
        self.draws[name] = centred(draws, self.values[name]) if of_set else draws

    def _per_sample(self, name: str, values: np.ndarray) -> None:
        self._add(name, lambda drawn: _mean(values[drawn]))

    def _per_weights(self, name: str, value: float, of: Callable[[np.ndarray], float]) -> None:
        images = int(self.image.max()) + 1
        first = np.array([np.flatnonzero(self.image == one)[0] for one in range(images)])

        def drawn(rows: np.ndarray) -> float:
            return of(np.isin(rows, first) @ (self.image[rows][:, None] == np.arange(images)))

        self.values[name] = value
        self.draws[name] = bootstrap_over_images(drawn, self.image, self.repeats, self.seed)

    def _clusters(self) -> None:
        from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_samples

        label = self.probe.label
        cluster = spherical_kmeans(self.embedding, len(self.probe.names), self.seed)
        self._add("nmi", lambda rows: float(normalized_mutual_info_score(label[rows], cluster[rows])), of_set=True)
        self._add("ari", lambda rows: float(adjusted_rand_score(label[rows], cluster[rows])), of_set=True)
        self._add("purity", lambda rows: purity(label[rows], cluster[rows]), of_set=True)
        self.chance["nmi"] = chance_nmi(label)
        self.chance["purity"] = 1 / len(self.probe.names)
        silhouette = silhouette_samples(self.unit, label, metric="cosine")
        self._per_sample("silhouette", silhouette)
        self.silhouette = {name: _mean(silhouette[label == i]) for i, name in enumerate(self.probe.names)}

    def _neighbours(self, order: NeighbourOrder) -> None:
        label = self.probe.label
        self._per_sample("knn_accuracy", knn_correct(self.embedding, label, self.image, NEIGHBOURS).astype(float))
        self._per_sample("map", order.average_precision)
        self._per_sample("separation", np.array([_mean(row) for row in order.separation]))
        self.chance |= {"knn_accuracy": chance_accuracy(label), "map": chance_accuracy(label), "separation": 0.5}

    def _content(self, order: NeighbourOrder) -> None:
        label, content = self.probe.label, self.probe.content
        self._per_sample("content_knn", knn_correct(self.embedding, self.image, label, NEIGHBOURS).astype(float))
        self._per_sample("degradation_first", order.degradation_first)
        self.chance |= {"content_knn": chance_accuracy(self.image), "degradation_first": 0.5}
        split = VarianceSplit(crossed(self.unit, label, content))
        image_of = self.image[np.unique(content, return_index=True)[1]]  # of each content
        for share, value in split.shares().items():
            self._per_weights(f"{share}_share", value, partial(_share_of, split, image_of, share))

    def _probes(self) -> None:
        """Linear probes of the parameters and of the family, in one run: they share their decompositions."""
        families, names = self.probe.families()
        targets = {name: target.reshape(len(target), -1) for name, target in self.probe.targets().items()}
        comparable = unit_targets(self.probe.degradation).numpy()  # directions too, without gaps
        comparable = comparable[:, np.ptp(comparable, axis=0) > 1e-6]
        everything = {**targets, "comparable": comparable, "family": np.eye(len(names))[families]}
        predicted = ridge_predictions(self.embedding, np.concatenate(list(everything.values()), axis=1), self.image)
        starts = np.cumsum([target.shape[1] for target in everything.values()])[:-1]
        *of_targets, of_comparable, votes = np.split(predicted, starts, axis=1)
        for (name, target), prediction in zip(targets.items(), of_targets, strict=True):
            self.predictions[name] = target, prediction
            self._add(f"r2/{name}", partial(_r_squared_of, target, prediction))
        self._add("information", lambda rows: _information(comparable[rows], of_comparable[rows]), of_set=True)
        if len(names) > 1:
            self._per_sample("family_accuracy", (votes.argmax(1) == families).astype(float))
            self.chance["family_accuracy"] = chance_accuracy(families)

    def _geometry(self) -> None:
        if self.probe.is_listed:
            self._per_sample("alignment", alignment_per_sample(self.embedding, self.probe.label, self.image))
        uniformity, rank = Uniformity(self.embedding, self.image), EffectiveRank(self.embedding, self.image)
        self._per_weights("uniformity", uniformity.value(), uniformity.value)
        self._per_weights("effective_rank", rank.value(), rank.weighted)
        self.draws["effective_rank"] = centred(self.draws["effective_rank"], rank.value())
        length = norms(self.embedding)
        for name, value in (("norm_mean", length.mean), ("norm_spread", length.spread)):
            self.values[name] = value
            self.draws[name] = np.full(self.repeats, np.nan)

    def _matrix(self, order: NeighbourOrder) -> np.ndarray:
        rows = [order.separation[self.probe.label == i] for i in range(len(self.probe.names))]
        return np.array([[_mean(column) for column in row.T] for row in rows])


def purity(label: np.ndarray, cluster: np.ndarray) -> float:
    """Share of samples that have the most frequent label of their cluster, in (0, 1]."""
    table = np.zeros((int(label.max()) + 1, int(cluster.max()) + 1))
    np.add.at(table, (label, cluster), 1)
    return float(table.max(0).sum() / len(label))


def _r_squared_of(target: np.ndarray, prediction: np.ndarray, rows: np.ndarray) -> float:
    return r_squared(target[rows], prediction[rows])


def _information(target: np.ndarray, prediction: np.ndarray) -> float:
    """`information_read` of the parameters that vary among these samples."""
    kept = np.ptp(target, axis=0) > 1e-6
    return information_read(target[:, kept], prediction[:, kept]) if kept.any() else 0.0


def _share_of(split: VarianceSplit, image_of: np.ndarray, share: str, weights: np.ndarray) -> float:
    return split.shares(weights[image_of])[share]


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _json(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
