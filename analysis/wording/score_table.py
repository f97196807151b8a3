"""Short table that a report prints, and its caption."""

import math
from collections.abc import Sequence

from analysis.measures.scores import MORE_IS_BETTER, ReportScores
from shared.command import align_columns, format_interval, format_number

TITLES = {
    "knn_accuracy": "kNN accuracy",
    "separation": "separation",
    "silhouette": "silhouette",
    "nmi": "NMI",
    "map": "mAP",
    "family_accuracy": "kind",
    "rank_correlation": "rank correlation",
    "r2/log_sigma": "R^2 width",
    "r2/anisotropy": "R^2 anisotropy",
    "r2/angle": "R^2 angle",
    "r2/noise_sigma": "R^2 noise",
    "r2/jpeg_quality": "R^2 JPEG",
    "information": "shared information",
    "content_knn": "content kNN",
    "degradation_share": "share of degradation",
    "content_share": "share of content",
    "degradation_first": "degradation over content",
}
ALL_TITLES = {
    **TITLES,
    "ari": "ARI",
    "purity": "purity",
    "interaction_share": "share of interaction",
    "alignment": "alignment",
    "uniformity": "uniformity",
    "effective_rank": "effective rank",
    "norm_mean": "norm",
    "norm_spread": "variation of the norm",
}
CAPTION = (
    "In brackets: the 95 % interval over images. About 1 interval in 20 excludes 0 by chance alone: among many "
    "differences, a barely significant one is weak evidence."
)
MAX_COMPARED = 4  # requested embedders compared pairwise; if there are more, their differences are only in scores.json
LEGEND = """\
In brackets: the 95 % interval over images; ~: the choice of images may explain the difference. kNN accuracy: the
degradation is predicted from neighbours in other images. Separation: how often a patch of the same degradation is
nearer than one of another (AUC); degradation over content: than one of the same image. Kind: accuracy of a linear
probe of the kind of degradation. R^2: linear probes of the parameters on held-out images; shared information: what
two patches of one degradation have in common according to these probes, in nats. Content kNN (lower is better): the
image is predicted from neighbours under other degradations. Share of degradation, of content: part of the embedding's
variance that each explains; the rest is their interaction. Chance: level of an uninformative embedding, - if there is
none. About 1 interval in 20 excludes 0 by chance alone: among many differences, a barely significant one is weak
evidence."""


def tabulate_scores(scores: dict[str, ReportScores], titles: dict[str, str] = TITLES) -> list[list[str]]:
    """Tabulates scores, with a header: a row per score, a column per embedder, and one for chance."""
    chance = next(iter(scores.values())).chance
    rows = [["", *scores, "chance"]]
    for name, title in _select_titles(scores, titles).items():
        cells = (format_interval(row.values[name], row.interval(name)) for row in scores.values())
        rows.append([title, *cells, format_number(chance.get(name, math.nan))])
    return rows


def tabulate_differences(scores: dict[str, ReportScores]) -> list[list[str]]:
    """Tabulates how much better the first embedder is than each other one; `~` if the choice of images may explain it.

    A difference without an interval is marked by `~` too.
    """
    (first_name, first), *others = scores.items()
    rows = [[f"{first_name} better than", *(name for name, _ in others)]]
    for name, title in _select_titles(scores).items():
        sign = 1 if MORE_IS_BETTER.get(name, True) else -1
        cells = []
        for _, other in others:
            value, *ends = (sign * part for part in first.ahead_of(other, name))
            low, high = sorted(ends)
            is_significant = low > 0 or high < 0
            cells.append(format_interval(value, (low, high)) + ("  " if is_significant else " ~"))
        rows.append([f"  {title}", *cells])
    return rows


def collect_notes(scores: dict[str, ReportScores], notes: Sequence[str]) -> list[str]:
    """Collects the notes on the embedders and on the report."""
    embedder_notes = (f"{embedder}: {note}" for embedder, row in scores.items() for note in row.notes)
    return [f"{note}." for note in (*embedder_notes, *notes)]


def capitalise(sentence: str) -> str:
    """Begins a sentence with a capital letter, unless its first word is a name that is followed by a colon."""
    first, _, _ = sentence.partition(" ")
    return sentence if first.endswith(":") else sentence[:1].upper() + sentence[1:]


def format_tables(scores: dict[str, ReportScores], requested: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
    """Formats the tables as plain text of at most 100 columns, and the notes.

    Args:
        scores: Scores of each embedder.
        requested: Names of the requested embedders, which are also compared with each other, up to four of them.
        notes: Remarks on the report.
    """
    tables = [tabulate_scores(scores), tabulate_differences(scores)] if len(scores) > 1 else [tabulate_scores(scores)]
    others = [name for name in requested if name != next(iter(scores))] if len(requested) <= MAX_COMPARED else []
    tables += [tabulate_differences({name: scores[name] for name in others[i:]}) for i in range(len(others) - 1)]
    return "\n\n".join([*(block for table in tables for block in _align(table)), *collect_notes(scores, notes)])


def _select_titles(scores: dict[str, ReportScores], titles: dict[str, str] = TITLES) -> dict[str, str]:
    """Selects the titles of the available scores, in the order of the table."""
    return {name: title for name, title in titles.items() if name in next(iter(scores.values())).values}


def _align(rows: list[list[str]]) -> list[str]:
    names = [row[0] for row in rows]
    return align_columns(names, [[row[i] for row in rows] for i in range(1, len(rows[0]))])
