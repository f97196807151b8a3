"""One-parameter sweeps: the same patches under one parameter that varies, the others fixed.

They show whether an embedding reads a parameter: if it does, patches move away from their start as the parameter grows,
all along the same way, and further than two images under one degradation are apart.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.embedding.blocks import draw_even_rows
from shared.degradations.words import UNTOUCHED, describe_steps, name_family
from shared.probing import ProbeSet, finite_mean, image_weights, percentile_interval, unit_rows

_Steps = list[tuple[str, dict[str, float]]]
MIN_VALUES = 3  # of a sweep
BAND = (0.1, 0.9)  # quantiles over the patches
EQUAL = 1e-9  # distances that differ by less have no order
MAX_CONTENTS = 500  # patches whose distances under one degradation are compared
# parameter -> what it is called, its unit, and its value where it has no effect
PARAMETERS: dict[str, tuple[str, str, float | None]] = {
    "sigma": ("width", "px", 0.0),
    "sigma_y": ("other width", "px", None),
    "theta": ("direction", "degrees", None),
    "radius": ("radius", "px", 0.0),
    "length": ("length", "px", 0.0),
    "noise_sigma": ("level", "8-bit levels", 0.0),
    "quality": ("quality", "100: best", 100.0),
    "factor": ("size", "of the original size", 1.0),
    "cutoff": ("cut-off", "radians", None),
}
_OTHER = ("", "", None)  # a parameter that is not among these is called by its own name
PERIODS = {"theta": 180.0}


@dataclass(frozen=True)
class Sweep:
    """C patches under K values of one parameter.

    Attributes:
        name: What varies, in words.
        parameter: Parameter of the operation, such as `sigma`.
        unit: Unit of the values.
        values: Values in that unit, (K,), from the least effect to the strongest.
        labels: Listed degradation of each value, (K,).
        rows: Index of each patch in the probe set under each value, (C, K).
    """

    name: str
    parameter: str
    unit: str
    values: np.ndarray
    labels: np.ndarray
    rows: np.ndarray

    @property
    def period(self) -> float | None:
        """Period of the values; None if they are not cyclic."""
        return PERIODS.get(self.parameter)

    @property
    def progress(self) -> np.ndarray:
        """Distance of each value from the first, (K,); of angles the shorter way round."""
        progress = np.abs(self.values - self.values[0])
        return progress if self.period is None else np.minimum(progress, self.period - progress)


@dataclass(frozen=True)
class SweepCurve:
    """Distances along a sweep in one embedding, in units of the distance of two images under one degradation.

    Attributes:
        median, low, high: Median, first and ninth decile of the distance from the first value over the patches, (K,).
        rank_correlation: Mean over the patches of Spearman's correlation of this distance and that of the values.
        interval: 95 % interval of that mean over images.
    """

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rank_correlation: float
    interval: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Converts to plain values."""
        return {
            "median": self.median.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "rank_correlation": self.rank_correlation,
            "interval": list(self.interval),
        }


def find_sweeps(probe: ProbeSet) -> list[Sweep]:
    """Finds the sweeps among the listed degradations: three or more that differ in one parameter only.

    An untouched row begins the sweeps of degradations of one step.
    """
    firsts = [int(np.flatnonzero(probe.label == label)[0]) for label in range(len(probe.names))]
    scale = probe.degradation.scale
    listed = [_simplify(steps, scale) for steps in probe.degradation[firsts].rows()] if firsts else []
    untouched = [label for label, steps in enumerate(listed) if not steps]
    place = {pair: row for row, pair in enumerate(zip(probe.content.tolist(), probe.label.tolist(), strict=True))}
    found: dict[str, Sweep] = {}
    for (step, parameter), members in _group_rows(listed):
        steps = listed[max(members)[1]]
        _, unit, neutral = PARAMETERS.get(parameter, _OTHER)
        is_neutral_listed = neutral in {value for value, _ in members}
        if len(steps) == 1 and neutral is not None and "sigma_y" not in steps[0][1] and untouched:
            members = members if is_neutral_listed else [*members, (neutral, untouched[0])]
        members = [(_in_unit(parameter, value), label) for value, label in members]
        members = sorted(members, reverse=bool(neutral))  # from the least effect to the strongest
        labels = np.array([label for _, label in members])
        values = np.array([value for value, _ in members])
        if len(members) < MIN_VALUES or len(set(values.tolist())) < len(values):
            continue
        rows = np.array([[place[content, label] for label in labels.tolist()] for content in np.unique(probe.content)])
        name = _name(steps, step, parameter, scale)
        name = name if name not in found else f"{name}, from {probe.names[labels[0]]}"
        found[name] = Sweep(name, parameter, unit, values, labels, rows)
    return list(found.values())


def _group_rows(listed: list[_Steps]) -> list[tuple[tuple[int, str], list[tuple[float, int]]]]:
    """Groups degradations that differ in one parameter only.

    Returns:
        For each group the step and the parameter that varies, and its members: value and label.
    """
    groups: dict[tuple[str, int, str], list[tuple[float, int]]] = defaultdict(list)
    for label, steps in enumerate(listed):
        for i, (_, values) in enumerate(steps):
            for parameter, value in values.items():
                fixed = [(name, {**own}) for name, own in steps]
                del fixed[i][1][parameter]
                groups[repr(fixed), i, parameter].append((value, label))
    return [((step, parameter), members) for (_, step, parameter), members in groups.items()]


def measure_sweep(embedding: np.ndarray, sweep: Sweep, image: np.ndarray, *, repeats: int, seed: int) -> SweepCurve:
    """Measures the distances along a sweep.

    Args:
        embedding: Embedding of the probe set, (N, D).
        sweep: A sweep of the probe set.
        image: Image of each patch of the probe set, (N,).
        repeats: Bootstrap draws over images.
        seed: Seed of the draws.
    """
    path = unit_rows(embedding)[sweep.rows].astype(np.float64)  # (C, K, D)
    own = np.unique(image[sweep.rows[:, 0]], return_inverse=True)[1]
    distance = np.linalg.norm(path - path[:, :1], axis=2)  # (C, K)
    apart = draw_even_rows(len(path), MAX_CONTENTS, seed)
    scaled = distance / (_between_images(path[apart], own[apart]) or 1.0)
    orders = _correlate(distance[:, 1:], sweep.progress[1:])
    weights = image_weights(int(own.max()) + 1, repeats, seed)
    sums, counts = np.bincount(own, orders), np.bincount(own).astype(np.float64)
    draws = (weights @ sums) / (weights @ counts) if repeats else np.empty(0)
    low, high = np.quantile(scaled, BAND, axis=0)
    interval = percentile_interval(draws, len(counts), (-1, 1))
    return SweepCurve(np.median(scaled, axis=0), low, high, finite_mean(orders), interval)


def _between_images(path: np.ndarray, image: np.ndarray) -> float:
    """Returns the median distance of patches of different images under the same degradation."""
    pairs = np.triu(image[:, None] != image, 1)
    if not pairs.any():
        return 0.0
    per_value = [np.sqrt(np.maximum(2 - 2 * vectors @ vectors.T, 0))[pairs] for vectors in path.transpose(1, 0, 2)]
    return float(np.median(np.concatenate(per_value)))


def _correlate(distance: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """Returns Spearman's correlation of the distances of each patch (C, K) and of the values (K,); 0 without order."""
    from scipy.stats import rankdata

    def centre(ranks: np.ndarray) -> np.ndarray:
        return ranks - (len(progress) + 1) / 2

    rank, order = centre(rankdata(distance, axis=1)), centre(rankdata(progress))
    scale = np.sqrt((rank**2).sum(1) * (order**2).sum())
    scale[np.ptp(distance, axis=1) < EQUAL] = 0
    return np.divide(rank @ order, scale, out=np.zeros(len(rank)), where=scale > 0)


def _simplify(steps: _Steps, scale: int) -> _Steps:
    """Leaves out what does not tell degradations apart: rounding, the direction of a round blur, the down-sampling."""
    simple = []
    if scale > 1 and sum("relative_size" in values for _, values in steps) == 1:
        steps = [(name, values) for name, values in steps if name != "bicubic"]
    for name, values in steps:
        if name == "quantize":
            continue
        if "sigma_y" in values and values["sigma_y"] == values["sigma"]:
            values = {key: value for key, value in values.items() if key not in ("sigma_y", "theta")}
        simple.append((name, {key: round(value, 6) for key, value in values.items()}))
    return simple


def _in_unit(parameter: str, value: float) -> float:
    if parameter == "theta":
        return round(math.degrees(value) % 180, 3)
    return round(255 * value, 3) if parameter == "noise_sigma" else value


def _name(steps: _Steps, step: int, parameter: str, scale: int) -> str:
    """Names a sweep, such as "noise level, with round blur 1.5 px"."""
    title = PARAMETERS.get(parameter, _OTHER)[0] or parameter.replace("_", " ")
    complete = [_complete(one) for one in steps]
    others = describe_steps([one for i, one in enumerate(complete) if i != step], scale)
    name = f"{name_family([complete[step]], scale)} {title}"
    return name if others == UNTOUCHED else f"{name}, with {others}"


def _complete(step: tuple[str, dict[str, float]]) -> tuple[str, dict[str, float]]:
    name, values = step
    if "sigma" in values and name != "gaussian_s_fold":
        values = {"sigma_y": values["sigma"], "theta": 0.0, **values}
    return name, values
