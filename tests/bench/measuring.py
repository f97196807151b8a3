"""Ratios of two things timed in turn, so that a machine that drifts slows both, and the rows they are printed as."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch

from shared.devices import resolve_precision


@dataclass(frozen=True)
class Settings:
    """What every part is told.

    Attributes:
        device: that is measured.
        repetitions: pairs of timings per row.
        compile: also measure `torch.compile`.
        images: number of files in the folder of the memory part.
        tiny: sizes so small that everything runs in seconds; the ratios then mean nothing.
        scratch: an empty folder that is deleted afterwards.
    """

    device: torch.device
    repetitions: int
    compile: bool
    images: int
    tiny: bool
    scratch: Path

    @property
    def precision(self) -> str:
        """What runs take on the device where they are told nothing."""
        return resolve_precision("auto", self.device)

    def autocast(self) -> torch.autocast:
        """The context in which runs compute."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured, with its sizes.
        values: of the figure, one per repetition.
        bound: that the median is held to; None where the figure is only recorded.
        at_most: the bound is an upper one.
        unit: of the values, `x` for ratios.
        detail: absolute figures behind the values.
    """

    name: str
    values: tuple[float, ...]
    bound: float | None = None
    at_most: bool = False
    unit: str = "x"
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the median keeps the bound; always where there is none."""
        if self.bound is None:
            return True
        found = median(self.values)
        return found <= self.bound if self.at_most else found >= self.bound

    def line(self) -> str:
        """The row as text."""
        figure = f"{_short(median(self.values))} {self.unit}"
        spread = f"({_short(min(self.values))}..{_short(max(self.values))})" if len(self.values) > 1 else ""
        verdict = "" if self.bound is None else f"{'<=' if self.at_most else '>='} {self.bound:g}  {self._verdict()}"
        return f"  {self.name:<74s}{figure:>10s} {spread:<16s} {verdict:<15s} {self.detail}".rstrip()

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "median": median(self.values), "holds": self.holds}

    def _verdict(self) -> str:
        return "ok" if self.holds else "ABOVE" if self.at_most else "BELOW"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def synchronise(device: torch.device) -> None:
    """Wait for the device's queued work; CPUs have none."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_for(action: Callable[[], object], calls: int, device: torch.device) -> float:
    """Wall time of one call, over several."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(calls):
        action()
    synchronise(device)
    return (time.perf_counter() - start) / calls


def timed_in_turn(
    first: Callable[[], object], second: Callable[[], object], settings: Settings, *, at_least: float = 0.2
) -> list[tuple[float, float]]:
    """Seconds per call of both, one pair per repetition; which goes first alternates.

    Args:
        first, second: what is timed; each is called twice before.
        settings: device and repetitions.
        at_least: seconds that one timing lasts, by repeating the call.
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
    """How many times as fast the first of each pair was as the second.

    Args:
        name: of the row.
        pairs: (ours, theirs) seconds per call.
        bound: the least ratio.
        amount: of `unit` per call, for absolute speeds; 0 prints milliseconds.
        unit: what a call makes.
    """
    ours, theirs = median(a for a, _ in pairs), median(b for _, b in pairs)
    detail = f"{1e3 * ours:.1f} against {1e3 * theirs:.1f} ms"
    if amount:
        detail = f"{amount / ours:.0f} against {amount / theirs:.0f} {unit}/s"
    return Row(name, tuple(b / a for a, b in pairs), bound, detail=detail)
