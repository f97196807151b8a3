"""Scores of a training run as it prints, logs and stores them: a subset of a report's scores, under older names."""

from typing import Any

import numpy as np

from shared.command import align_columns, format_interval, format_number
from shared.files import without_nan
from shared.probing.probe_set import ProbeSet
from shared.probing.scores import EmbeddingScores

STORED_NAMES = {"knn_accuracy": "knn_accuracy", "nmi": "nmi", "content_knn": "content_accuracy"}


def scores_to_json(scores: EmbeddingScores) -> dict[str, Any]:
    """Converts scores to plain JSON: dicts, lists, floats, and None for NaN."""
    names = STORED_NAMES | {f"r2/{name}": f"r2/{name}" for name in scores.r2}
    return without_nan(
        {
            **{stored: scores.values[name] for name, stored in STORED_NAMES.items()},
            "r2": scores.r2,
            "intervals": {stored: scores.interval(name) for name, stored in names.items()},
            "chance": {stored: scores.chance[name] for name, stored in STORED_NAMES.items()},
        }
    )


def image_sums_to_json(rows: dict[str, EmbeddingScores], probe: ProbeSet) -> dict[str, Any]:
    """Converts what each image of a probe set adds to the scores to plain JSON.

    Args:
        rows: Scores by the name of the encoder.
        probe: Probe set on which they were measured.

    Returns:
        The names of the images, and by encoder and score the part and the whole of each image, see `ImageSums`.
    """
    images = [probe.store.names[index] for index in np.unique(probe.image.numpy())]
    sums = {
        row: {
            name: {term: [float(f"{value:.6g}") for value in values] for term, values in one._asdict().items()}
            for name, one in scores.sums.items()
        }
        for row, scores in rows.items()
    }
    return {"images": images, "sums": sums}


def scores_to_scalars(scores: EmbeddingScores) -> dict[str, float]:
    """Returns the scores by their TensorBoard tags."""
    single = {f"probe/{stored}": scores.values[name] for name, stored in STORED_NAMES.items()}
    return single | {f"probe/r2_{name}": value for name, value in scores.r2.items()}


def score_table(rows: dict[str, EmbeddingScores]) -> str:
    """Formats the scores of several embeddings of one probe set as aligned plain text of at most 100 columns.

    Args:
        rows: Scores by the name of the encoder (trained, untrained, statistics). Columns that do not fit follow in
            another block under the same names.

    Returns:
        Lines without a final newline: the scores, how far the first row is ahead of each other one, and a caption
        with the chance levels.

    Raises:
        ValueError: There is no row, or the rows were scored on different probe sets.
    """
    if not rows:
        raise ValueError("a score table needs at least one row, got none")
    scores = list(rows.values())
    chance, parameters = scores[0].chance, scores[0].r2.keys()
    for name, row in rows.items():
        if row.chance != chance or row.r2.keys() != parameters:
            raise ValueError(f"{name!r} was scored on another probe set than {next(iter(rows))!r}")
    knn_accuracy = [format_interval(row.values["knn_accuracy"], row.interval("knn_accuracy")) for row in scores]
    columns = [
        ["kNN accuracy", *knn_accuracy],
        ["NMI", *(format_number(row.values["nmi"]) for row in scores)],
        *([f"R^2 {parameter}", *(format_number(row.r2[parameter]) for row in scores)] for parameter in parameters),
        ["content kNN", *(format_number(row.values["content_knn"]) for row in scores)],
    ]
    ahead = _compare_with_first(rows) if len(rows) > 1 else []
    caption = (
        "In brackets: the 95 % interval over images. kNN: the degradation is predicted from neighbours in\n"
        "other images. Content kNN (lower is better): the image is predicted from neighbours under other\n"
        "degradations. R^2: ridge probe on held-out images.\n"
        f"Chance level: kNN accuracy {format_number(chance['knn_accuracy'])}, NMI {format_number(chance['nmi'])}, "
        f"R^2 0.00, content kNN {format_number(chance['content_knn'])}."
    )
    return "\n\n".join([*align_columns(["", *rows], columns), *ahead, caption])


def _compare_with_first(rows: dict[str, EmbeddingScores]) -> list[str]:
    """Formats the differences of the first row from each other one, in the scores of which more is better."""
    (first_name, first), *others = rows.items()
    titles = {"knn_accuracy": "kNN accuracy", "nmi": "NMI"} | {f"r2/{name}": f"R^2 {name}" for name in first.r2}
    columns = []
    for key, title in titles.items():
        differences = [first.ahead_of(other, key) for _, other in others]
        columns.append([title, *(format_interval(value, (low, high)) for value, low, high in differences)])
    return align_columns([f"{first_name} ahead of", *(f"  {other}" for other, _ in others)], columns)
