"""Bounds of numeric options, declared at the field of a dataclass and checked wherever options are read."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

LARGEST = 1e9  # of numbers without bounds of their own: beyond it, memory or time ends first
KEY = "bounds"


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Valid range of a number.

    Attributes:
        low, high: Smallest and largest value.
        is_open: Whether the smallest value itself is invalid.
    """

    low: float = -LARGEST
    high: float = LARGEST
    is_open: bool = False

    def explain(self, value: float) -> str:
        """Says what would be valid instead of a value, such as `must be within 0..1`; empty if it is valid."""
        if isinstance(value, float) and not math.isfinite(value):
            return "must be a finite number"
        if self.low < value <= self.high or (value == self.low and not self.is_open):
            return ""
        low, high = _format(self.low), _format(self.high)
        if self.is_open:
            return f"must be above {low} and at most {high}"
        if self.high >= LARGEST > -self.low:
            return f"must be at least {low}" if value < self.low else f"must be at most {high}"
        return f"must be within {low}..{high}"


def _format(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def bounded(default: Any, low: float = -LARGEST, high: float = LARGEST, *, above: float | None = None) -> Any:
    """Declares a field of a dataclass whose numbers have bounds.

    Args:
        default: Default value; it may be of another type, such as `auto`.
        low, high: Smallest and largest valid value.
        above: Largest value that is too small, instead of `low`.
    """
    bounds = Bounds(low if above is None else above, high, above is not None)
    return dataclasses.field(default=default, metadata={KEY: bounds})


def within(low: float, high: float) -> dict[str, Bounds]:
    """Returns the metadata of a field without a default whose numbers have bounds."""
    return {KEY: Bounds(low, high)}


def check_bounds(options: Any, prefix: str = "") -> None:
    """Refuses numbers out of bounds in a dataclass of options, and in those inside it.

    Args:
        options: The filled dataclass.
        prefix: Dotted key of these options, for error messages.

    Raises:
        ValueError: A number is NaN, infinite, or out of bounds; the message names it and says what is valid.
    """
    declared = _collect_bounds(type(options))
    for field in dataclasses.fields(options):
        key = f"{prefix}.{field.name}".lstrip(".")
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            check_bounds(value, key)
            continue
        bounds = declared.get(field.name, Bounds())
        for number in _list_numbers(value):
            if problem := bounds.explain(number):
                raise ValueError(f"{key}={value} {problem}")


def _collect_bounds(kind: type) -> dict[str, Bounds]:
    """Collects the bounds of the fields of a dataclass; a subclass that changes a default keeps those of its base."""
    bounds = {}
    for base in reversed(kind.__mro__):
        for field in base.__dict__.get("__dataclass_fields__", {}).values():
            if KEY in field.metadata:
                bounds[field.name] = field.metadata[KEY]
    return bounds


def _list_numbers(value: Any) -> Iterator[float]:
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, int | float) and not isinstance(item, bool):
            yield item
