"""Read the steps of a degradation space from YAML, refusing what means nothing, with its place."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.degradations.distributions import Distribution, number
from shared.degradations.operations import CODES, OPERATIONS, VALID, Operation

_STEP_OPTIONS = {"probability", "movable", "in_order"}


@dataclass(frozen=True)
class Choice:
    """One operation with its parameters' distributions; a string refers to another parameter's value."""

    code: int
    parameters: list[Distribution | str]
    weight: float

    @property
    def operation(self) -> Operation:
        """What is done."""
        return OPERATIONS[self.code]

    @property
    def varies(self) -> bool:
        """Whether two draws can differ."""
        return any(not isinstance(p, str) and p.bounds[0] < p.bounds[1] for p in self.parameters)


@dataclass(frozen=True)
class Step:
    """One of several choices, by weight, done with `probability`; `movable` and `in_order` matter when shuffled."""

    choices: list[Choice]
    probability: float
    movable: bool
    in_order: bool


def read_step(written: object, where: str, kernel_size: int) -> Step:
    """A step from YAML.

    Args:
        written: as parsed.
        where: its place, for messages.
        kernel_size: of the space; motions must fit it.

    Raises:
        ValueError: unknown keys (with the near match), missing parameters, values that mean nothing.
    """
    if not isinstance(written, Mapping):
        raise ValueError(f"{where}: {written!r} is not a mapping such as {{gaussian: {{sigma: [0.2, 4]}}}}")
    if "one_of" in written:
        check_keys(written, {*_STEP_OPTIONS, "one_of"}, where)
        alternatives = written["one_of"]
    else:
        alternatives = [{key: value for key, value in written.items() if key not in _STEP_OPTIONS}]
        if "weight" in written:
            raise ValueError(f"{where}: weight belongs to the alternatives of one_of")
    if not isinstance(alternatives, list) or not alternatives:
        raise ValueError(f"{where}: one_of takes a non-empty list of operations")
    probability = number(written.get("probability", 1.0), f"{where}: probability")
    if not 0 <= probability <= 1:
        raise ValueError(f"{where}: probability {probability} must be within 0..1")
    choices = [_read_choice(alternative, where, kernel_size) for alternative in alternatives]
    if sum(choice.weight for choice in choices) <= 0:
        raise ValueError(f"{where}: at least one weight must be positive")
    return Step(choices, probability, read_flag(written, "movable", where), read_flag(written, "in_order", where))


def _read_choice(written: object, where: str, kernel_size: int) -> Choice:
    names = [key for key in written if key != "weight"] if isinstance(written, Mapping) else []
    if not isinstance(written, Mapping) or len(names) != 1:
        raise ValueError(f"{where}: {written!r} must name exactly one operation")
    name = names[0]
    check_keys([name], CODES, where, "operation")
    operation = OPERATIONS[CODES[name]]
    given = written[name] or {}
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: {name} takes a mapping of its parameters, not {given!r}")
    check_keys(given, operation.parameters, f"{where}, {name}", "parameter")
    weight = number(written.get("weight", 1.0), f"{where}, {name}: weight")
    if weight < 0:
        raise ValueError(f"{where}, {name}: weight {weight} must not be negative")
    parameters: list[Distribution | str] = []
    for parameter, default in operation.parameters.items():
        place = f"{where}, {name}, {parameter}"
        if parameter not in given and default is None:
            raise ValueError(f"{where}: {name} needs its parameter {parameter}")
        if parameter not in given and isinstance(default, str):
            parameters.append(default)
            continue
        distribution = Distribution(given.get(parameter, default), place)
        _check_values(distribution, parameter, place, kernel_size)
        parameters.append(distribution)
    return Choice(CODES[name], parameters, weight)


def _check_values(distribution: Distribution, parameter: str, place: str, kernel_size: int) -> None:
    least, most, least_included = VALID.get(parameter, (float("-inf"), float("inf"), True))
    if parameter == "length":
        most = kernel_size - 1
    low, high = distribution.bounds
    if low < least or high > most or (low == least and not least_included):
        bracket = "[" if least_included else "("
        raise ValueError(f"{place}: values {low:g}..{high:g} are outside {bracket}{least:g}, {most:g}]")


def read_flag(written: Mapping, name: str, where: str) -> bool:
    """A boolean, false where it is missing.

    Raises:
        ValueError: it is something else.
    """
    value = written.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{where}: {name} is true or false, not {value!r}")
    return value


def check_keys(written: Iterable, allowed: Iterable[str], where: str, what: str = "key") -> None:
    """Refuse keys that are not allowed, with the near match.

    Raises:
        ValueError: names the first.
    """
    allowed = sorted(allowed)
    for key in written:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{where}: unknown {what} {key!r}{hint} (valid: {', '.join(allowed)})")
