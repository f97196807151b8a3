"""True against predicted parameters, as linear probes read them from embeddings of images they were not fitted to."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import (
    COLOURS,
    PER_ROW,
    SIZE,
    SMALL,
    head,
    log_ticks,
    no_values,
    number,
    panels,
    parameter_words,
    plain,
    round_ticks,
    shown,
)

MOST_VALUES = 20  # that a listed parameter takes; beyond, the samples are cut into as many groups as BINS says
BINS = 12
NEAR = 0.015  # of the range: true values that are drawn as one
TURN = 180  # degrees, after which a direction is the same
BEYOND = 15  # degrees drawn again beyond each end


@dataclass(frozen=True)
class _Reading:
    """True and predicted values (N,) of a parameter in users' units."""

    name: str
    true: np.ndarray
    predicted: np.ndarray

    @property
    def is_direction(self) -> bool:
        return self.name == "angle"

    @property
    def is_width(self) -> bool:
        return self.name == "log_sigma"


def probe_scatter(
    predictions: dict[str, tuple[np.ndarray, np.ndarray]], r2: dict[str, float], *, encoder: str
) -> Figure:
    """True against predicted values of every parameter that a probe reads, in users' units.

    Args:
        predictions: true and predicted values by name, (N,) or (N, 1); of `angle` (N, 2), the sine and the cosine of
            twice the angle. Rows with NaN are left out.
        r2: by name.
        encoder: its name.

    Raises:
        ValueError: there is nothing to draw, or values have a shape of their own.
    """
    if not predictions:
        raise ValueError("there are no predictions to draw: no parameter of this probe set varies")
    figure, axes_of = panels(len(predictions), 2.35, heading=0.75)
    for i, ((name, pair), axes) in enumerate(zip(predictions.items(), axes_of, strict=True)):
        reading = _in_users_units(name, *pair)
        words, unit = parameter_words(name)
        score = r2.get(name, np.nan)
        plain(axes, f"{words}, R² {number(score)}" if np.isfinite(score) else words)
        axes.set_xlabel(f"true ({unit})" if unit else "true", fontsize=SMALL)
        if i % PER_ROW == 0:
            axes.set_ylabel("predicted", fontsize=SIZE)
        if len(reading.true):
            _draw(axes, reading)
        else:
            no_values(axes)
    head(
        figure,
        f"Parameters read from {shown(encoder, 4)} by linear probes, on images they were not fitted to\n"
        "Orange: median of the predictions, and the range of their middle 80 %; line: prediction equals truth.",
    )
    return figure


def _in_users_units(name: str, true: np.ndarray, predicted: np.ndarray) -> _Reading:
    width = 2 if name == "angle" else 1
    columns = [values.reshape(len(values), -1) for values in (true, predicted)]
    if columns[0].shape != columns[1].shape or columns[0].shape[1] != width:
        raise ValueError(
            f"true and predicted values of {name!r} should be (N, {width}), got {true.shape} and {predicted.shape}"
        )
    known = np.isfinite(np.concatenate(columns, axis=1)).all(1)
    convert = {"angle": _direction, "log_sigma": np.exp, "noise_sigma": lambda values: 255 * values}
    shown_as = convert.get(name, np.asarray)
    return _Reading(name, *(shown_as(values[known]).reshape(-1) for values in columns))  # type: ignore[operator]


def _direction(values: np.ndarray) -> np.ndarray:
    """Degrees in [0, 180) of the sine and cosine of twice the angle."""
    return np.degrees(np.arctan2(values[:, 0], values[:, 1])).round(6) / 2 % TURN


def _draw(axes: Axes, reading: _Reading) -> None:
    true, predicted = reading.true, reading.predicted
    low, high = _limits(axes, reading)
    alpha = float(np.clip(300 / len(true), 0.08, 0.5))
    shifts = (-TURN, 0, TURN) if reading.is_direction else (0,)
    for shift in shifts:
        axes.scatter(true, predicted + shift, s=4, color=COLOURS[0], alpha=alpha, lw=0, rasterized=True)
        axes.plot([low, high], [low + shift, high + shift], color="0.3", linewidth=0.8, zorder=1.5)
    for rows in _groups(np.log(true) if reading.is_width else true):
        centre = float(np.median(true[rows]))
        ends = _spread(reading, rows, centre)
        for shift in shifts:
            first, middle, last = ends + shift
            axes.plot([centre, centre], [first, last], color=COLOURS[1], linewidth=1.2, solid_capstyle="butt")
            axes.plot(centre, middle, "o", color=COLOURS[1], ms=3.5, mec="white", mew=0.5)


def _limits(axes: Axes, reading: _Reading) -> tuple[float, float]:
    """Scales and limits of both axes; returns the range of the line of equal values."""
    if reading.is_direction:
        ticks = np.arange(0, TURN + 1, 45)
        axes.set(xlim=(-8, TURN + 8), ylim=(-BEYOND, TURN + BEYOND), xticks=ticks, yticks=ticks)
        return -2 * BEYOND, TURN + 2 * BEYOND
    scale = np.log if reading.is_width else np.asarray
    true, predicted = scale(reading.true), scale(reading.predicted)
    across, up = true, np.concatenate((true, np.quantile(predicted, (0.002, 0.998))))
    bounds = []
    for values in (across, up):
        margin = 0.06 * float(np.ptp(values)) or 0.5
        bounds.append((float(values.min()) - margin, float(values.max()) + margin))
    outside = int(((predicted < bounds[1][0]) | (predicted > bounds[1][1])).sum())
    if outside:
        which = "prediction lies" if outside == 1 else "predictions lie"
        axes.set_xlabel(f"{axes.get_xlabel()}\n{outside:,} {which} outside the frame")
    if reading.is_width:
        bounds = [(float(np.exp(low)), float(np.exp(high))) for low, high in bounds]
        axes.set(xscale="log", yscale="log")
    axes.set(xlim=bounds[0], ylim=bounds[1])
    for axis in (axes.xaxis, axes.yaxis):
        if reading.is_width:
            log_ticks(axis)
        else:
            axis.set_major_locator(round_ticks(5))
    return bounds[0]


def _groups(true: np.ndarray) -> list[np.ndarray]:
    """Rows of equal, or nearly equal, true values; of neighbouring ones where too many differ."""
    order = np.argsort(true, kind="stable")
    near = max(NEAR * float(np.ptp(true)), 1e-9)
    values = np.split(order, np.flatnonzero(np.diff(true[order]) > near) + 1)
    if len(values) <= MOST_VALUES and all(np.ptp(true[rows]) <= 2 * near for rows in values):
        return values
    return [rows for rows in np.array_split(order, BINS) if len(rows)]


def _spread(reading: _Reading, rows: np.ndarray, centre: float) -> np.ndarray:
    """(3,) tenth, fifth and ninth decile of the predictions; of directions around the true one."""
    predicted = reading.predicted[rows]
    if reading.is_direction:
        predicted = centre + (predicted - centre + TURN / 2) % TURN - TURN / 2
    return np.quantile(predicted, (0.1, 0.5, 0.9))
