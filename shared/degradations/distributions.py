"""Distributions of parameters, and the numbers in them, as a space's YAML defines them."""

import math
import sys
from collections.abc import Mapping

import torch
from torch import Tensor

from shared.yaml_text import quote

KINDS = ("uniform", "log_uniform", "root_uniform", "inverse_root_uniform", "choice", "either")


def parse_number(text: object, where: str) -> float:
    """Parses a number: plain, or text such as "pi", "2*pi/3" or "25/255".

    Args:
        text: Value from a YAML.
        where: Its place in the YAML, for error messages.

    Raises:
        ValueError: It is not a finite number.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool) and abs(text) <= sys.float_info.max:
        return float(text)
    if isinstance(text, str):
        try:
            numerator, slash, denominator = text.partition("/")
            value = math.prod(_parse_factor(part) for part in numerator.split("*"))
            value = value / _parse_factor(denominator) if slash else value
            if math.isfinite(value):
                return value
        except (ValueError, ArithmeticError, IndexError):
            pass
    raise ValueError(f"{where}: {quote(text)} is not a number; expected one such as 2.5, 25/255 or 2*pi/3")


def _parse_factor(text: str) -> float:
    text = text.strip()
    return math.copysign(math.pi, -1.0 if text[0] == "-" else 1.0) if text in ("pi", "-pi") else float(text)


class Distribution:
    """The distribution of one parameter.

    Its definition is a number (constant), `[low, high]` (uniform), or `{kind: [...]}` with the kind `uniform`,
    `log_uniform`, `root_uniform` (the square is uniform), `inverse_root_uniform` (one over the square root is uniform),
    `choice` (each value with equal probability) or `either` (one of the listed definitions, with equal probability).

    Args:
        definition: Definition from a YAML.
        where: Its place in the YAML, for error messages.

    Attributes:
        kind: One of `KINDS`; `choice` for a constant.
        values: Lower and upper bound, or the values of a choice; the bounds of all parts of `either`.
        parts: The distributions of `either`; empty for other kinds.

    Raises:
        ValueError: The definition is not one of these.
    """

    def __init__(self, definition: object, where: str) -> None:
        kind, values = "uniform", definition
        if isinstance(definition, Mapping):
            if len(definition) != 1 or next(iter(definition)) not in KINDS:
                raise ValueError(
                    f"{where}: {quote(dict(definition))} is not a distribution; expected one of {', '.join(KINDS)}"
                )
            kind, values = next(iter(definition.items()))
        if not isinstance(values, (list, tuple)):
            kind, values = "choice", [values]
        self.kind = kind
        self.parts: list[Distribution] = []
        if not values:
            raise ValueError(f"{where}: the list is empty, so there is nothing to draw")
        if kind == "either":
            self.parts = [Distribution(part, where) for part in values]
            self.values = [bound for part in self.parts for bound in part.bounds]
            return
        self.values = [parse_number(value, where) for value in values]
        if kind != "choice" and (len(self.values) != 2 or self.values[0] > self.values[1]):
            raise ValueError(f"{where}: {kind} needs [low, high] with low <= high, not {quote(values)}")
        if kind in ("log_uniform", "inverse_root_uniform") and self.values[0] <= 0:
            raise ValueError(f"{where}: {kind} needs positive bounds, not {quote(values)}")
        if kind == "root_uniform" and self.values[0] < 0:
            raise ValueError(f"{where}: root_uniform needs bounds of at least 0, not {quote(values)}")

    def draw(self, uniform: Tensor) -> Tensor:
        """Maps uniform numbers in [0, 1), (B,) float64, to values of the distribution, (B,)."""
        if self.kind == "either":
            chosen = (uniform * len(self.parts)).long()
            drawn = torch.stack([part.draw(uniform * len(self.parts) - chosen) for part in self.parts], -1)
            return drawn.gather(-1, chosen[:, None]).squeeze(-1)
        values = torch.tensor(self.values, dtype=uniform.dtype)
        if self.kind == "choice":
            return values[(uniform * len(values)).long()]
        low, high = self.values
        if self.kind == "log_uniform":
            return torch.exp(math.log(low) + uniform * math.log(high / low))
        if self.kind == "root_uniform":
            return torch.sqrt(low**2 + uniform * (high**2 - low**2))
        if self.kind == "inverse_root_uniform":
            return (low**-0.5 - uniform * (low**-0.5 - high**-0.5)) ** -2
        return low + uniform * (high - low)

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return min(self.values), max(self.values)
