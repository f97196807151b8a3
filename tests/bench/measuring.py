"""Alternating timings of two implementations, so that a drift of the machine affects both, and rows of results."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch

from shared.devices import resolve_precision


@dataclass(frozen=True)
class Settings:
    """Settings of all parts.

    Attributes:
        device: Device to measure.
        repetitions: Number of timed pairs per row.
        compile: Whether `torch.compile` is measured too.
        images: Number of files in the folder of the memory part.
        tiny: Whether sizes are so small that everything runs in seconds; the ratios are then meaningless.
        scratch: Empty folder for temporary files, deleted afterwards.
    """

    device: torch.device
    repetitions: int
    compile: bool
    images: int
    tiny: bool
    scratch: Path

    @property
    def precision(self) -> str:
        """Precision that runs choose on the device by default."""
        return resolve_precision("auto", self.device)

    def autocast(self) -> torch.autocast:
        """Returns the autocast context of runs."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


@dataclass(frozen=True)
class Row:
    """One row of the results.

    Attributes:
        name: Description of the measurement, with its sizes.
        values: Measured values, one per repetition.
        bound: Bound on the median; None if the values are only recorded.
        at_most: Whether the bound is an upper bound.
        unit: Unit of the values, `x` for ratios.
        detail: Absolute values in words.
    """

    name: str
    values: tuple[float, ...]
    bound: float | None = None
    at_most: bool = False
    unit: str = "x"
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the median meets the bound, if there is one."""
        if self.bound is None:
            return True
        value = median(self.values)
        return value <= self.bound if self.at_most else value >= self.bound

    def format(self) -> str:
        """Formats the row as a line of text."""
        figure = f"{_round(median(self.values))} {self.unit}"
        spread = f"({_round(min(self.values))}..{_round(max(self.values))})" if len(self.values) > 1 else ""
        verdict = "" if self.bound is None else f"{'<=' if self.at_most else '>='} {self.bound:g}  {self._judge()}"
        return f"  {self.name:<74s}{figure:>10s} {spread:<16s} {verdict:<15s} {self.detail}".rstrip()

    def as_dict(self) -> dict[str, object]:
        """Returns the row as a dict for JSON."""
        return {**asdict(self), "median": median(self.values), "holds": self.holds}

    def _judge(self) -> str:
        return "ok" if self.holds else "ABOVE" if self.at_most else "BELOW"


def _round(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def synchronise(device: torch.device) -> None:
    """Waits for the queued work of a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_for(action: Callable[[], object], calls: int, device: torch.device) -> float:
    """Measures the mean wall time of a call in seconds."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(calls):
        action()
    synchronise(device)
    return (time.perf_counter() - start) / calls


def time_in_turn(
    first: Callable[[], object], second: Callable[[], object], settings: Settings, *, at_least: float = 0.2
) -> list[tuple[float, float]]:
    """Times two actions in turn, one pair per repetition; the one that goes first alternates.

    Args:
        first, second: Actions to time; each is called twice before.
        settings: Settings with the device and the number of repetitions.
        at_least: Minimal duration of one timing in seconds, reached by repeating the call.

    Returns:
        Seconds per call of the first and the second action, one pair per repetition.
    """
    calls = []
    for action in (first, second):
        action()
        once = seconds_for(action, 1, settings.device)
        calls.append(1 if settings.tiny else max(1, round(at_least / once)))
    pairs = []
    for repetition in range(settings.repetitions):
        if repetition % 2:
            other = seconds_for(second, calls[1], settings.device)
            pairs.append((seconds_for(first, calls[0], settings.device), other))
        else:
            one = seconds_for(first, calls[0], settings.device)
            pairs.append((one, seconds_for(second, calls[1], settings.device)))
    return pairs


def speed_row(
    name: str, pairs: list[tuple[float, float]], bound: float | None, amount: float = 0.0, unit: str = ""
) -> Row:
    """Builds a row with the speed of the first of each pair relative to the second.

    Args:
        name: Name of the row.
        pairs: Seconds per call of (ours, theirs).
        bound: Lower bound on the ratio.
        amount: Number of units that a call processes, for absolute speeds; 0 gives milliseconds.
        unit: Name of the unit.
    """
    ours, theirs = median(a for a, _ in pairs), median(b for _, b in pairs)
    detail = f"{1e3 * ours:.1f} against {1e3 * theirs:.1f} ms"
    if amount:
        detail = f"{amount / ours:.0f} against {amount / theirs:.0f} {unit}/s"
    return Row(name, tuple(b / a for a, b in pairs), bound, detail=detail)
