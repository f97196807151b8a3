"""The short table that a report prints, and its words."""

import math
from collections.abc import Sequence

from analysis.measures.scores import MORE_IS_BETTER, Scores
from shared.command import align_columns, format_interval, format_number

TITLES = {
    "knn_accuracy": "kNN accuracy", "separation": "separation", "silhouette": "silhouette", "nmi": "NMI", "map": "mAP",
    "family_accuracy": "family", "rank_correlation": "rank correlation", "r2/log_sigma": "R^2 width",
    "r2/anisotropy": "R^2 anisotropy", "r2/angle": "R^2 angle", "r2/noise_sigma": "R^2 noise",
    "r2/jpeg_quality": "R^2 JPEG", "information": "nats read", "content_knn": "content kNN",
    "degradation_share": "share of degradation", "content_share": "share of content",
    "degradation_first": "degradation first",
}  # fmt: skip
ALL_TITLES = {
    **TITLES, "ari": "ARI", "purity": "purity", "interaction_share": "share of interaction", "alignment": "alignment",
    "uniformity": "uniformity", "effective_rank": "effective rank", "norm_mean": "norm", "norm_spread": "its spread",
}  # fmt: skip
MOST_COMPARED = 4  # each with each; of more, the differences are in scores.json alone
WORDS = """\
In brackets the 95 % interval over images; ~: the choice of images may explain the difference. kNN: neighbours
from other images name the degradation. Separation: how often a patch of the same degradation is nearer than
one of another (AUC); degradation first: than one of the same image. Family: a linear probe names the kind of
degradation. R^2: linear probes of the parameters on left-out images; nats read: what two views share by them.
Content kNN, the lower the better: neighbours under other degradations name the image. Shares of the
embedding's variance: of the degradation, of the content; the rest needs both. Chance: of an embedding that knows
nothing; - where it has no such level. About 1 interval in 20 leaves out 0 by chance alone: where many
differences stand side by side, one that is only just real says little."""


def rows_of(scores: dict[str, Scores], titles: dict[str, str] = TITLES) -> list[list[str]]:
    """The table with its header: a row per score, a column per subject, and one for chance."""
    chance = next(iter(scores.values())).chance
    rows = [["", *scores, "chance"]]
    for name, title in _titled(scores, titles).items():
        cells = (format_interval(one.values[name], one.interval(name)) for one in scores.values())
        rows.append([title, *cells, format_number(chance.get(name, math.nan))])
    return rows


def differences_of(scores: dict[str, Scores]) -> list[list[str]]:
    """How far the first subject is ahead of each other one, with a header; `~` where the images may explain it.

    Without an interval nothing is known of a difference: it has a `~` too.
    """
    (first_name, first), *others = scores.items()
    rows = [[f"{first_name} better than", *(name for name, _ in others)]]
    for name, title in _titled(scores).items():
        sign = 1 if MORE_IS_BETTER.get(name, True) else -1
        cells = []
        for _, other in others:
            value, *ends = (sign * part for part in first.ahead_of(other, name))
            low, high = sorted(ends)
            real = low > 0 or high < 0
            cells.append(format_interval(value, (low, high)) + ("  " if real else " ~"))
        rows.append([f"  {title}", *cells])
    return rows


def notes_of(scores: dict[str, Scores], notes: Sequence[str]) -> list[str]:
    """What is said of the subjects, and of all of it."""
    of_subjects = (f"{subject}: {note}" for subject, one in scores.items() for note in one.notes)
    return [f"{note}." for note in (*of_subjects, *notes)]


def text_of(scores: dict[str, Scores], asked: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
    """The tables as plain text of at most 100 columns, and the notes.

    Args:
        scores: by subject.
        asked: those that were asked for, which are compared with each other too, up to four of them.
        notes: sentences.
    """
    tables = [rows_of(scores), differences_of(scores)] if len(scores) > 1 else [rows_of(scores)]
    others = [name for name in asked if name != next(iter(scores))] if len(asked) <= MOST_COMPARED else []
    tables += [differences_of({name: scores[name] for name in others[i:]}) for i in range(len(others) - 1)]
    return "\n\n".join([*(block for table in tables for block in _blocks(table)), *notes_of(scores, notes)])


def _titled(scores: dict[str, Scores], titles: dict[str, str] = TITLES) -> dict[str, str]:
    """Titles of the scores that there are, in the order of the table."""
    return {name: title for name, title in titles.items() if name in next(iter(scores.values())).values}


def _blocks(rows: list[list[str]]) -> list[str]:
    names = [row[0] for row in rows]
    return align_columns(names, [[row[i] for row in rows] for i in range(1, len(rows[0]))])
