"""Figure of true against predicted parameters, by linear probes on images left out of their fit."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import (
    COLOURS,
    FONT_SIZE,
    PANELS_PER_ROW,
    SMALL_FONT_SIZE,
    add_heading,
    format_number,
    mark_empty,
    new_panels,
    parameter_label,
    round_ticks,
    set_log_ticks,
    shorten,
    style_axes,
)

MAX_VALUES = 20  # different true values with a median each; with more, the samples are cut into `BINS` groups
BINS = 12
TOLERANCE = 0.015  # of the range: true values that differ by less have one median
PERIOD = 180  # degrees: the orientation of a blur is the same after half a turn
OVERLAP = 15  # degrees that are drawn again beyond each end of the period


@dataclass(frozen=True)
class _Points:
    """True and predicted values of a parameter, (N,) each, in the units of its axes."""

    name: str
    true: np.ndarray
    predicted: np.ndarray

    @property
    def is_angle(self) -> bool:
        return self.name == "angle"

    @property
    def is_width(self) -> bool:
        return self.name == "log_sigma"


def probe_scatter(
    predictions: dict[str, tuple[np.ndarray, np.ndarray]], r2: dict[str, float], *, encoder: str
) -> Figure:
    """Draws true against predicted values of every parameter that has a probe.

    Args:
        predictions: True and predicted values by the name of the parameter, (N,) or (N, 1); for `angle` (N, 2), the
            sine and the cosine of twice the angle. Rows with NaN are left out.
        r2: R² by the name of the parameter.
        encoder: Name of the encoder.

    Returns:
        The figure.

    Raises:
        ValueError: There are no predictions, or true and predicted values have a wrong shape.
    """
    if not predictions:
        raise ValueError("there are no predictions to draw: no parameter of this probe set varies")
    figure, axes_of = new_panels(len(predictions), 2.35, heading=0.75)
    for i, ((name, pair), axes) in enumerate(zip(predictions.items(), axes_of, strict=True)):
        points = _convert_units(name, *pair)
        label, unit = parameter_label(name)
        score = r2.get(name, np.nan)
        style_axes(axes, f"{label}, R² {format_number(score)}" if np.isfinite(score) else label)
        axes.set_xlabel(f"true ({unit})" if unit else "true", fontsize=SMALL_FONT_SIZE)
        if i % PANELS_PER_ROW == 0:
            axes.set_ylabel("predicted", fontsize=FONT_SIZE)
        if len(points.true):
            _draw(axes, points)
        else:
            mark_empty(axes)
    add_heading(
        figure,
        f"Parameters predicted by linear probes, on images left out of the fit: {shorten(encoder, 4)}\n"
        "Orange: median and central 80 % of the predictions; line: prediction equals true value.",
    )
    return figure


def _convert_units(name: str, true: np.ndarray, predicted: np.ndarray) -> _Points:
    width = 2 if name == "angle" else 1
    columns = [values.reshape(len(values), -1) for values in (true, predicted)]
    if columns[0].shape != columns[1].shape or columns[0].shape[1] != width:
        raise ValueError(
            f"true and predicted values of {name!r} must be (N, {width}), got {true.shape} and {predicted.shape}"
        )
    known = np.isfinite(np.concatenate(columns, axis=1)).all(1)
    convert = {"angle": _to_degrees, "log_sigma": np.exp, "noise_sigma": lambda values: 255 * values}
    to_unit = convert.get(name, np.asarray)
    return _Points(name, *(to_unit(values[known]).reshape(-1) for values in columns))  # type: ignore[operator]


def _to_degrees(values: np.ndarray) -> np.ndarray:
    """Converts the sine and cosine of twice the angle, (N, 2), to degrees in [0, 180)."""
    return np.degrees(np.arctan2(values[:, 0], values[:, 1])).round(6) / 2 % PERIOD


def _draw(axes: Axes, points: _Points) -> None:
    true, predicted = points.true, points.predicted
    low, high = _set_limits(axes, points)
    alpha = float(np.clip(300 / len(true), 0.08, 0.5))
    shifts = (-PERIOD, 0, PERIOD) if points.is_angle else (0,)
    for shift in shifts:
        axes.scatter(true, predicted + shift, s=4, color=COLOURS[0], alpha=alpha, lw=0, rasterized=True)
        axes.plot([low, high], [low + shift, high + shift], color="0.3", linewidth=0.8, zorder=1.5)
    for rows in _group_rows(np.log(true) if points.is_width else true):
        centre = float(np.median(true[rows]))
        ends = _deciles(points, rows, centre)
        for shift in shifts:
            first, middle, last = ends + shift
            axes.plot([centre, centre], [first, last], color=COLOURS[1], linewidth=1.2, solid_capstyle="butt")
            axes.plot(centre, middle, "o", color=COLOURS[1], ms=3.5, mec="white", mew=0.5)


def _set_limits(axes: Axes, points: _Points) -> tuple[float, float]:
    """Sets scales, limits and ticks of both axes; returns the range of the diagonal line."""
    if points.is_angle:
        ticks = np.arange(0, PERIOD + 1, 45)
        axes.set(xlim=(-8, PERIOD + 8), ylim=(-OVERLAP, PERIOD + OVERLAP), xticks=ticks, yticks=ticks)
        return -2 * OVERLAP, PERIOD + 2 * OVERLAP
    scale = np.log if points.is_width else np.asarray
    true, predicted = scale(points.true), scale(points.predicted)
    horizontal, vertical = true, np.concatenate((true, np.quantile(predicted, (0.002, 0.998))))
    bounds = []
    for values in (horizontal, vertical):
        margin = 0.06 * float(np.ptp(values)) or 0.5
        bounds.append((float(values.min()) - margin, float(values.max()) + margin))
    outside = int(((predicted < bounds[1][0]) | (predicted > bounds[1][1])).sum())
    if outside:
        which = "prediction is" if outside == 1 else "predictions are"
        axes.set_xlabel(f"{axes.get_xlabel()}\n{outside:,} {which} outside the frame")
    if points.is_width:
        bounds = [(float(np.exp(low)), float(np.exp(high))) for low, high in bounds]
        axes.set(xscale="log", yscale="log")
    axes.set(xlim=bounds[0], ylim=bounds[1])
    for axis in (axes.xaxis, axes.yaxis):
        if points.is_width:
            set_log_ticks(axis)
        else:
            axis.set_major_locator(round_ticks(5))
    return bounds[0]


def _group_rows(true: np.ndarray) -> list[np.ndarray]:
    """Groups rows by equal or nearly equal true values; into bins where there are too many different ones."""
    order = np.argsort(true, kind="stable")
    tolerance = max(TOLERANCE * float(np.ptp(true)), 1e-9)
    values = np.split(order, np.flatnonzero(np.diff(true[order]) > tolerance) + 1)
    if len(values) <= MAX_VALUES and all(np.ptp(true[rows]) <= 2 * tolerance for rows in values):
        return values
    return [rows for rows in np.array_split(order, BINS) if len(rows)]


def _deciles(points: _Points, rows: np.ndarray, centre: float) -> np.ndarray:
    """Returns the first, fifth and ninth decile of the predictions, (3,); of angles relative to the true one."""
    predicted = points.predicted[rows]
    if points.is_angle:
        predicted = centre + (predicted - centre + PERIOD / 2) % PERIOD - PERIOD / 2
    return np.quantile(predicted, (0.1, 0.5, 0.9))
