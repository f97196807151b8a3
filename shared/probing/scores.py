"""The few scores that sum up one embedding of a probe set, and the table that compares embeddings by them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from shared.command import align_columns, format_interval, format_number
from shared.probing.bootstrap import bootstrap_over_images, centred, image_weights, percentile_interval
from shared.probing.cluster_agreement import contingency, normalised_mutual_information
from shared.probing.measures import (
    chance_accuracy,
    chance_nmi,
    knn_correct,
    spherical_kmeans,
)
from shared.probing.ridge import r_squared, ridge_predictions


@dataclass(frozen=True)
class ProbeScores:
    """What an embedding knows of the degradations, and of the content, of a probe set.

    Attributes:
        knn_accuracy: see `knn_accuracy`.
        nmi: see `cluster_nmi`.
        r2: per parameter, see `ridge_r2`; NaN where the parameter is constant in the probe set.
        content_accuracy: see `content_accuracy`; lower is better. Where the same patches come under every
            degradation, as in `build_probe`, this counts what is recognised of a patch, not only of its image.
        draws: (repeats,) each, the scores over images drawn again, by the names above and `r2/<parameter>`.
        chance: the level that needs no embedding, by the names above except `r2`, where it is 0.
        images: number of images, by which the intervals widen; see `percentile_interval`.
    """

    knn_accuracy: float
    nmi: float
    r2: dict[str, float]
    content_accuracy: float
    draws: dict[str, np.ndarray]
    chance: dict[str, float]
    images: int | None = None

    @property
    def values(self) -> dict[str, float]:
        """The scores by the names of `draws`."""
        single = {"knn_accuracy": self.knn_accuracy, "nmi": self.nmi, "content_accuracy": self.content_accuracy}
        return single | {f"r2/{name}": value for name, value in self.r2.items()}

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals over images (low, high), by the names of `draws`."""
        return {
            name: percentile_interval(draws, self.images, (-math.inf if name.startswith("r2/") else 0, 1))
            for name, draws in self.draws.items()
        }

    def ahead_of(self, other: "ProbeScores") -> dict[str, tuple[float, float, float]]:
        """This score less the other's, and the 95 % interval of the difference, both over the same drawn images.

        An interval without 0 is a difference that the choice of images does not explain.
        """
        mine, theirs = self.values, other.values
        return {
            name: (mine[name] - theirs[name], *percentile_interval(self.draws[name] - other.draws[name], self.images))
            for name in self.draws
        }

    def to_dict(self) -> dict[str, Any]:
        """The scores as plain JSON: dicts, lists, floats, and None where a score is NaN."""
        return _plain(
            {
                "knn_accuracy": self.knn_accuracy, "nmi": self.nmi, "r2": self.r2,
                "content_accuracy": self.content_accuracy, "intervals": self.intervals, "chance": self.chance,
            }
        )  # fmt: skip


def score_embedding(
    embedding: np.ndarray,
    label: np.ndarray,
    image: np.ndarray,
    targets: dict[str, np.ndarray],
    k: int = 10,
    repeats: int = 500,
    seed: int = 0,
) -> ProbeScores:
    """Score an embedding of a probe set in which every image is seen under several degradations.

    Samples with a listed degradation serve accuracy, clusters and content, those with a known target its R^2.
    Runs on one thread, 3 s for 1500 samples of 2048 dimensions: on a busy machine the thread pools of numpy,
    faiss and torch, which spin while they wait for each other, were seen to take 30 times as long.

    Args:
        embedding: (N, D), finite, as the encoder gives it.
        label: (N,) index of each sample's listed degradation, negative for none.
        image: (N,) image of each sample.
        targets: known parameters by name, (N,), or (N, P) where several columns make one parameter (the sine
            and the cosine of twice an angle); NaN where the parameter does not apply.
        k: neighbours that vote.
        repeats: bootstrap draws per interval; 0 for no intervals (they are NaN).
        seed: of the clusters and the bootstrap.

    Returns:
        The scores, with an interval each.

    Raises:
        ValueError: the shapes disagree, the embedding is not finite, or there is one image or one label only.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _score(embedding, label, image, targets, k, repeats, seed)


def _score(
    embedding: np.ndarray,
    label: np.ndarray,
    image: np.ndarray,
    targets: dict[str, np.ndarray],
    k: int,
    repeats: int,
    seed: int,
) -> ProbeScores:
    listed = np.flatnonzero(label >= 0)
    seen, of_image = label[listed], image[listed]
    for name, values in (("degradation", seen), ("image", of_image)):
        if len(np.unique(values)) < 2:
            raise ValueError(f"a probe set needs at least two {name}s, got {len(np.unique(values))}")
    degradation_found, image_found = np.full((2, len(label)), np.nan)
    degradation_found[listed] = knn_correct(embedding[listed], seen, of_image, k)
    image_found[listed] = knn_correct(embedding[listed], of_image, seen, k)
    _, each_image = np.unique(image, return_inverse=True)
    images = int(each_image.max()) + 1
    cluster = spherical_kmeans(embedding[listed], len(np.unique(seen)), seed)
    counts = contingency(np.unique(seen, return_inverse=True)[1], cluster, each_image[listed])
    nmi = float(normalised_mutual_information(counts.sum(0)))
    weights = image_weights(images, repeats, seed)[:, : len(counts)]
    nmi_draws = normalised_mutual_information(np.tensordot(weights, counts, axes=1))

    scores: dict[str, Callable[[np.ndarray], float]] = {
        "knn_accuracy": lambda drawn: float(np.nanmean(degradation_found[drawn])),
        "content_accuracy": lambda drawn: float(np.nanmean(image_found[drawn])),
    }
    for name, (target, prediction) in _probe_all(embedding, targets, image).items():
        scores[f"r2/{name}"] = partial(_r_squared_of, target, prediction)
    value = {name: score(np.arange(len(label))) for name, score in scores.items()}
    draws = {name: bootstrap_over_images(score, image, repeats, seed) for name, score in scores.items()}
    return ProbeScores(
        knn_accuracy=value["knn_accuracy"],
        nmi=nmi,
        r2={name: value[f"r2/{name}"] for name in targets},
        content_accuracy=value["content_accuracy"],
        draws=draws | {"nmi": centred(nmi_draws, nmi)},
        chance={
            "knn_accuracy": chance_accuracy(seen),
            "nmi": chance_nmi(seen),
            "content_accuracy": chance_accuracy(of_image),
        },
        images=images,
    )


def score_table(rows: dict[str, ProbeScores]) -> str:
    """The scores of several embeddings of one probe set as aligned plain text of at most 100 columns.

    Args:
        rows: scores by the name of what gave the embedding (trained, untrained, statistics). Columns that do
            not fit follow in another block under the same names.

    Returns:
        Lines without a final newline: the scores, how far the first row is ahead of each other one, and a caption
        with the chance levels.

    Raises:
        ValueError: there is no row, or the rows were scored on different probe sets.
    """
    if not rows:
        raise ValueError("a score table needs at least one row, got none")
    scores = list(rows.values())
    chance, parameters = scores[0].chance, scores[0].r2.keys()
    for name, one in rows.items():
        if one.chance != chance or one.r2.keys() != parameters:
            raise ValueError(f"{name!r} was scored on another probe set than {next(iter(rows))!r}")
    knn_accuracy = [format_interval(one.knn_accuracy, one.intervals["knn_accuracy"]) for one in scores]
    columns = [
        ["kNN accuracy", *knn_accuracy],
        ["NMI", *(format_number(one.nmi) for one in scores)],
        *([f"R^2 {parameter}", *(format_number(one.r2[parameter]) for one in scores)] for parameter in parameters),
        ["content kNN", *(format_number(one.content_accuracy) for one in scores)],
    ]
    ahead = _ahead(rows) if len(rows) > 1 else []
    caption = (
        "In brackets the 95 % interval over images. kNN: neighbours from other images name the degradation.\n"
        "Content kNN, the lower the better: neighbours of other degradations name the image. By chance: kNN\n"
        f"accuracy {format_number(chance['knn_accuracy'])}, NMI {format_number(chance['nmi'])}, R^2 0.00, content kNN "
        f"{format_number(chance['content_accuracy'])}. R^2: ridge probe on left-out images."
    )
    return "\n\n".join([*align_columns(["", *rows], columns), *ahead, caption])


def _ahead(rows: dict[str, ProbeScores]) -> list[str]:
    """Blocks that compare the first row with each other one, in the scores of which more is better."""
    (name, first), *others = rows.items()
    differences = [first.ahead_of(other) for _, other in others]
    titles = {"knn_accuracy": "kNN accuracy", "nmi": "NMI"} | {f"r2/{one}": f"R^2 {one}" for one in first.r2}
    columns = [
        [title, *(format_interval(one[key][0], one[key][1:]) for one in differences)]
        for key, title in titles.items()
        if key in first.draws
    ]
    return align_columns([f"{name} ahead of", *(f"  {other}" for other, _ in others)], columns)


def _probe_all(
    embedding: np.ndarray, targets: dict[str, np.ndarray], image: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Target and out-of-fold prediction, each (N, P), by parameter; one run of the probe for all of them."""
    if not targets:
        return {}
    columns = [target.reshape(len(target), -1) for target in targets.values()]
    prediction = ridge_predictions(embedding, np.concatenate(columns, axis=1), image)
    starts = np.cumsum([column.shape[1] for column in columns])[:-1]
    pairs = zip(columns, np.split(prediction, starts, axis=1), strict=True)
    return dict(zip(targets, pairs, strict=True))


def _r_squared_of(target: np.ndarray, prediction: np.ndarray, drawn: np.ndarray) -> float:
    return r_squared(target[drawn], prediction[drawn])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return None if math.isnan(value) else value
