"""What the arms of a study differ in, and whether its question names it."""

from collections.abc import Iterable, Sequence
from typing import Any

from analysis.comparison.arms import Arm
from analysis.comparison.definition import StudyConfig
from shared.command import flatten
from shared.run_folders.run_folder import FREE_OPTIONS

FREE = FREE_OPTIONS | {"seed", "steps"}  # options that do not count
TOLERANCE = 0.02  # of a quantity: steps are whole numbers


def find_allowed(study: StudyConfig, arms: Sequence[Arm]) -> list[str]:
    """Checks that the arms differ only in what the question names or the study allows.

    Returns:
        The allowed differences that exist, in the order of the study; the table lists them.

    Raises:
        ValueError: An arm differs from the reference in something else; the message names it and both values.
    """
    reference = next(arm for arm in arms if arm.name == study.reference)
    found: set[str] = set()
    for arm in arms:
        for name, before, after in _list_differences(reference, arm):
            if _names(study.varies, name):
                continue
            allowed = [one for one in study.allow if _names([one], name)]
            if not allowed:
                raise ValueError(
                    f"{arm.name} differs from {reference.name} in {name} ({after}, {before}), which the question does "
                    "not name: hold it fixed, or put it under `varies`, or under `allow` with the reason"
                )
            found.update(allowed)
    return [name for name in study.allow if name in found]


def _list_differences(reference: Arm, arm: Arm) -> list[tuple[str, Any, Any]]:
    """Lists name and values of all options and quantities in which an arm differs."""
    before, after = dict(flatten(reference.options)), dict(flatten(arm.options))
    options = [
        (key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if key not in FREE and before.get(key) != after.get(key)
    ]
    quantities = [
        (key, reference.quantities.get(key), arm.quantities.get(key))
        for key in sorted(reference.quantities.keys() | arm.quantities.keys())
        if key != "steps" and _differ(reference.quantities.get(key), arm.quantities.get(key))
    ]
    return options + quantities


def _differ(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) > TOLERANCE * max(abs(one), abs(other))


def _names(patterns: Iterable[str], name: str) -> bool:
    return any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in patterns)
