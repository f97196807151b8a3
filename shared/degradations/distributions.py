"""The distributions a space draws its parameters from, as they are written in YAML."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

KINDS = ("uniform", "log_uniform", "root_uniform", "inverse_root_uniform", "choice")


def number(text: object, where: str) -> float:
    """A number: plain, or a string of the forms "pi", "2*pi/3", "25/255".

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool) and math.isfinite(text):
        return float(text)
    if isinstance(text, str):
        try:
            numerator, slash, denominator = text.partition("/")
            value = math.prod(_factor(part) for part in numerator.split("*"))
            value = value / _factor(denominator) if slash else value
            if math.isfinite(value):
                return value
        except (ValueError, ZeroDivisionError, IndexError):
            pass
    raise ValueError(f"{where}: {text!r} is not a number; right would be 2.5, 25/255 or 2*pi/3")


def _factor(text: str) -> float:
    text = text.strip()
    return math.copysign(math.pi, -1.0 if text[0] == "-" else 1.0) if text in ("pi", "-pi") else float(text)


class Distribution:
    """One parameter's distribution.

    Written as a number (constant), `[low, high]` (uniform), or `{kind: [...]}` with kind `uniform`, `log_uniform`,
    `root_uniform` (the square is uniform), `inverse_root_uniform` (one over the square root is uniform) or `choice`.
    """

    def __init__(self, written: object, where: str) -> None:
        kind, values = "uniform", written
        if isinstance(written, Mapping):
            if len(written) != 1 or next(iter(written)) not in KINDS:
                raise ValueError(
                    f"{where}: {dict(written)!r} is not a distribution; right would be one of {', '.join(KINDS)}"
                )
            kind, values = next(iter(written.items()))
        if not isinstance(values, (list, tuple)):
            kind, values = "choice", [values]
        self.kind = kind
        self.values = [number(value, where) for value in values]
        if kind != "choice" and (len(self.values) != 2 or self.values[0] > self.values[1]):
            raise ValueError(f"{where}: {kind} takes [low, high] with low <= high, not {values!r}")
        if kind in ("log_uniform", "inverse_root_uniform") and self.values[0] <= 0:
            raise ValueError(f"{where}: {kind} takes positive bounds, not {values!r}")
        if kind == "root_uniform" and self.values[0] < 0:
            raise ValueError(f"{where}: root_uniform takes bounds that are not negative, not {values!r}")
        if not self.values:
            raise ValueError(f"{where}: an empty list has nothing to draw from")

    def draw(self, uniform: Tensor) -> Tensor:
        """Map (B,) uniform float64 in [0, 1) to the distribution."""
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
        """Smallest and largest value."""
        return min(self.values), max(self.values)
