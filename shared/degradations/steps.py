"""The steps of a degradation space, read from its YAML; errors give the place."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.degradations.distributions import Distribution, parse_number
from shared.degradations.operations import CODES, OPERATIONS, VALID_RANGES, Operation
from shared.yaml_text import quote

_STEP_OPTIONS = {"probability", "movable", "in_order"}


@dataclass(frozen=True)
class Choice:
    """One of the operations that a step can apply.

    Attributes:
        code: Index of the operation in `OPERATIONS`.
        parameters: Distribution of each parameter, or the name of another parameter whose value it takes.
        weight: Weight among the choices of the step.
    """

    code: int
    parameters: list[Distribution | str]
    weight: float

    @property
    def operation(self) -> Operation:
        """The operation."""
        return OPERATIONS[self.code]

    @property
    def varying(self) -> list[int]:
        """The indices of the parameters of which two draws can differ."""
        return [i for i, p in enumerate(self.parameters) if not isinstance(p, str) and p.bounds[0] < p.bounds[1]]


@dataclass(frozen=True)
class Step:
    """A step of a sequence, which applies one of several operations.

    Attributes:
        choices: The operations.
        probability: Probability of the step, 0..1; otherwise it is skipped.
        movable: Whether the step changes places with other movable steps in a shuffled space.
        in_order: Whether a movable step keeps its order with respect to others `in_order`.
    """

    choices: list[Choice]
    probability: float
    movable: bool
    in_order: bool


def read_step(definition: object, where: str, kernel_size: int) -> Step:
    """Reads a step.

    Args:
        definition: Parsed YAML of the step.
        where: Its place in the YAML, for error messages.
        kernel_size: Side of the blur kernels in pixels, which limits the length of a motion.

    Raises:
        ValueError: A key is unknown (the message suggests the nearest), a parameter is missing, or a value is invalid.
    """
    if not isinstance(definition, Mapping):
        raise ValueError(f"{where}: {quote(definition)} is not a mapping such as {{gaussian: {{sigma: [0.2, 4]}}}}")
    if "one_of" in definition:
        check_keys(definition, {*_STEP_OPTIONS, "one_of"}, where)
        alternatives = definition["one_of"]
    else:
        alternatives = [{key: value for key, value in definition.items() if key not in _STEP_OPTIONS}]
        if "weight" in definition:
            raise ValueError(f"{where}: weight belongs to the alternatives of one_of")
    if not isinstance(alternatives, list) or not alternatives:
        raise ValueError(f"{where}: one_of needs a non-empty list of operations")
    probability = parse_number(definition.get("probability", 1.0), f"{where}: probability")
    if not 0 <= probability <= 1:
        raise ValueError(f"{where}: probability {probability} must be within 0..1")
    choices = [_read_choice(alternative, where, kernel_size) for alternative in alternatives]
    if sum(choice.weight for choice in choices) <= 0:
        raise ValueError(f"{where}: at least one weight must be positive")
    movable, in_order = (read_flag(definition, flag, where) for flag in ("movable", "in_order"))
    return Step(choices, probability, movable, in_order)


def _read_choice(definition: object, where: str, kernel_size: int) -> Choice:
    names = [key for key in definition if key != "weight"] if isinstance(definition, Mapping) else []
    if not isinstance(definition, Mapping) or len(names) != 1:
        raise ValueError(f"{where}: {quote(definition)} must name exactly one operation")
    name = names[0]
    check_keys([name], CODES, where, "operation")
    operation = OPERATIONS[CODES[name]]
    given = definition[name] or {}
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: {name} needs a mapping of its parameters, not {quote(given)}")
    check_keys(given, operation.parameters, f"{where}, {name}", "parameter")
    weight = parse_number(definition.get("weight", 1.0), f"{where}, {name}: weight")
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
    minimum, maximum, is_minimum_valid = VALID_RANGES.get(parameter, (float("-inf"), float("inf"), True))
    if parameter == "length":
        maximum = kernel_size - 1
    if parameter == "kernel_size":
        maximum = kernel_size
        if distribution.kind != "choice" or any(value % 2 != 1 for value in distribution.values if value):
            raise ValueError(
                f"{place}: must be odd numbers of pixels, listed as a `choice`, not {quote(distribution.values)}"
            )
    low, high = distribution.bounds
    if low < minimum or high > maximum or (low == minimum and not is_minimum_valid):
        bracket = "[" if is_minimum_valid else "("
        raise ValueError(f"{place}: values {low:g}..{high:g} are outside {bracket}{minimum:g}, {maximum:g}]")


def read_flag(definition: Mapping, name: str, where: str) -> bool:
    """Reads a boolean; false if it is missing.

    Raises:
        ValueError: It is not a boolean.
    """
    value = definition.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{where}: {name} must be true or false, not {quote(value)}")
    return value


def check_keys(keys: Iterable, allowed: Iterable[str], where: str, what: str = "key") -> None:
    """Refuses keys that are not allowed, and suggests the nearest.

    Args:
        keys: Keys to check.
        allowed: Allowed keys.
        where: Their place in the YAML, for the error message.
        what: What the keys are, for the error message.

    Raises:
        ValueError: A key is not allowed.
    """
    allowed = sorted(allowed)
    for key in keys:
        if key not in allowed:
            nearest = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise ValueError(f"{where}: unknown {what} {quote(key)}{hint} (valid: {', '.join(allowed)})")
