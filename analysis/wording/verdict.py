"""The verdict on an encoder: three sentences that say what it recognises, what leaks, and what it reads."""

import math
from collections.abc import Callable, Sequence

from analysis.measures.scores import COLLAPSED, MORE_IS_BETTER, ReportScores

_Others = Sequence[tuple[str, ReportScores]]
READ_WELL, READ_PARTLY = 0.7, 0.3  # R^2 of a linear probe
PARAMETERS = {
    "r2/log_sigma": "the width of a blur",
    "r2/anisotropy": "how oblong a blur is",
    "r2/angle": "the direction of a blur",
    "r2/noise_sigma": "noise",
    "r2/jpeg_quality": "JPEG quality",
}


def give_verdict(scores: dict[str, ReportScores]) -> list[str]:
    """Judges the first encoder beside the others.

    Args:
        scores: Scores of each encoder by its name, the judged one first.

    Returns:
        Three sentences, or one if the encoder has collapsed.
    """
    (name, own), *others = scores.items()
    if any(COLLAPSED in note for note in own.notes):
        return [f"{name} has collapsed: it gives every patch the same vector, so nothing can be read from it."]
    sentences = [_tell_recognition(name, own, others), _tell_content(own, others), _tell_readings(own)]
    return [sentence for sentence in sentences if sentence]


def _tell_recognition(name: str, own: ReportScores, others: _Others) -> str:
    if "knn_accuracy" not in own.values:
        return (
            f"{name} orders the patches by their degradation with a rank correlation of "
            f"{_number(own.values['rank_correlation'])}{_compare('rank_correlation', own, others, _number)}."
        )
    return (
        f"{name} tells the degradation of {_percent(own.values['knn_accuracy'])} of the patches by their nearest "
        f"neighbours in other images{_compare('knn_accuracy', own, others, _percent)}."
    )


def _tell_content(own: ReportScores, others: _Others) -> str:
    if "content_knn" not in own.values:
        return "How much of the content leaks is measured by probes that list degradations, such as probe=grid."
    value, chance = own.values["content_knn"], own.chance["content_knn"]
    excess = (value - chance) / (1 - chance) if chance < 1 else 0.0
    degree = "hardly leaks" if excess < 0.15 else "leaks" if excess < 0.5 else "dominates"
    return (
        f"The content {degree}: neighbours under other degradations tell the image of {_percent(value)} of the "
        f"patches; lower is better{_compare('content_knn', own, others, _percent)}."
    )


def _tell_readings(own: ReportScores) -> str:
    known = {key: own.values[key] for key in PARAMETERS if math.isfinite(own.values.get(key, math.nan))}
    if not known:
        return ""
    groups = [
        ("well", [key for key, value in known.items() if value >= READ_WELL]),
        ("partly", [key for key, value in known.items() if READ_PARTLY <= value < READ_WELL]),
        ("hardly", [key for key, value in known.items() if value < READ_PARTLY]),
    ]
    parts = [f"{degree} {_join([_reading(key, known[key]) for key in keys])}" for degree, keys in groups if keys]
    return f"On images left out of their fit, linear probes read {'; '.join(parts)}."


def _reading(key: str, value: float) -> str:
    return f"{PARAMETERS[key]} (R² {_number(value)})"


def _compare(key: str, own: ReportScores, others: _Others, form: Callable[[float], str]) -> str:
    """Lists the same score of the others, those that may not differ marked, and chance."""
    sign = 1 if MORE_IS_BETTER.get(key, True) else -1
    parts = []
    for name, other in others:
        _, *ends = own.ahead_of(other, key)
        low, high = sorted(sign * end for end in ends)
        remark = "" if low > 0 else ", which is better" if high < 0 else ", no clear difference"
        parts.append(f"{name}: {form(other.values[key])}{remark}")
    if key in own.chance:
        parts.append(f"chance: {form(own.chance[key])}")
    return f" ({'; '.join(parts)})" if parts else ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
