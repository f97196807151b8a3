"""Figures of one-parameter sweeps: distance over the parameter, and the paths of the patches on a map."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.embedding.projection import frame_of
from analysis.figures.style import (
    COLOURS,
    FONT_SIZE,
    NO_VALUE_GRAY,
    PANELS_PER_ROW,
    SMALL_FONT_SIZE,
    add_heading,
    cyclic_colormap,
    new_panels,
    round_ticks,
    sequential_colormap,
    shorten,
    style_axes,
)
from analysis.measures.sweeps import Sweep, SweepCurve

LEGEND_LINE, TITLE = 0.17, 1.8  # inches


def sweep_curves(sweeps: Sequence[Sweep], curves: dict[str, dict[str, SweepCurve]]) -> Figure:
    """Draws the distance from the first value over the parameter, one panel per sweep, one line per encoder.

    Args:
        sweeps: The sweeps.
        curves: Distances by encoder, the requested one first, and by the name of the sweep.

    Returns:
        The figure.

    Raises:
        ValueError: There is no sweep or no encoder.
    """
    if not sweeps or not curves:
        raise ValueError(f"a figure of sweeps needs a sweep and an encoder, got {len(sweeps)} and {len(curves)}")
    figure, axes_of = new_panels(len(sweeps), 1.9, heading=0.9 + LEGEND_LINE * len(curves))
    for i, (sweep, axes) in enumerate(zip(sweeps, axes_of, strict=True)):
        style_axes(axes, shorten(sweep.name, TITLE, FONT_SIZE), grid="y")
        for place, own in enumerate(curves.values()):
            curve, colour = own[sweep.name], COLOURS[place % len(COLOURS)]
            if place == 0:
                axes.fill_between(sweep.values, curve.low, curve.high, color=colour, alpha=0.2, lw=0)
            axes.plot(sweep.values, curve.median, color=colour, lw=1.6 if place == 0 else 1, marker="o", ms=2.2)
        axes.axhline(1, color="0.4", linewidth=0.9, linestyle=(0, (4, 2)))
        axes.set_ylim(0, None)
        axes.xaxis.set_major_locator(round_ticks(5))
        axes.yaxis.set_major_locator(round_ticks(4))
        if sweep.values[0] > sweep.values[-1]:
            axes.invert_xaxis()
        axes.set_xlabel(sweep.unit, fontsize=SMALL_FONT_SIZE)
        if i % PANELS_PER_ROW == 0:
            axes.set_ylabel("distance", fontsize=FONT_SIZE)
    handles = [Line2D([], [], color=COLOURS[place % len(COLOURS)], lw=1.6) for place in range(len(curves))]
    labels = [shorten(encoder, 4) for encoder in curves]
    figure.legend(handles, labels, loc="outside lower left", fontsize=SMALL_FONT_SIZE, frameon=False)
    add_heading(
        figure,
        "Distance of the same patches from the first value of one parameter, the others fixed\n"
        "Median over the patches, in units of the distance of two images under one degradation (dashed: 1); the band "
        f"holds 80 % of the patches of {shorten(next(iter(curves)), 2)}. A curve that rises over the dashed line: the "
        "parameter is read.",
    )
    return figure


def sweep_paths(points: np.ndarray, sweeps: Sequence[Sweep], *, encoder: str, method: str) -> Figure:
    """Draws the paths of the patches on a map, one panel per sweep.

    Args:
        points: Points of the map, (N, 2).
        sweeps: The sweeps.
        encoder: Name of the encoder.
        method: Method of the map, such as UMAP.

    Returns:
        The figure.

    Raises:
        ValueError: There is no sweep.
    """
    if not sweeps:
        raise ValueError("there are no paths to draw: in this probe set no parameter varies alone")
    figure, axes_of = new_panels(len(sweeps), 3.0, heading=0.6)
    for sweep, axes in zip(sweeps, axes_of, strict=True):
        style_axes(axes, shorten(sweep.name, TITLE, FONT_SIZE))
        _draw_paths(axes, points, sweep)
    add_heading(
        figure,
        f"Paths on the {method} of {shorten(encoder, 4)}\n"
        "Each line is one patch under one parameter that varies, the others fixed; gray: all other patches.",
    )
    return figure


def _draw_paths(axes: Axes, points: np.ndarray, sweep: Sweep) -> None:
    centre, half, _ = frame_of(points)
    axes.set(xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] - half, centre[1] + half))
    axes.set(xticks=[], yticks=[], box_aspect=1)
    axes.spines[:].set(visible=True, color="0.7", linewidth=0.5)
    axes.scatter(points[:, 0], points[:, 1], s=2, c=NO_VALUE_GRAY, lw=0, rasterized=True)
    path = points[sweep.rows]  # (C, K, 2)
    segments = np.stack((path[:, :-1], path[:, 1:]), 2).reshape(-1, 2, 2)
    middle = (sweep.values[:-1] + sweep.values[1:]) / 2
    colours = cyclic_colormap() if sweep.period else sequential_colormap()
    lines = LineCollection(list(segments), array=np.tile(middle, len(path)), cmap=colours, lw=0.7, alpha=0.8)
    lines.set_clim(*((0, sweep.period) if sweep.period else (sweep.values.min(), sweep.values.max())))
    lines.set_rasterized(True)
    axes.add_collection(lines)
    bar = axes.figure.colorbar(lines, cax=axes.inset_axes((0.02, -0.09, 0.96, 0.03)), orientation="horizontal")
    bar.set_alpha(1)
    bar.ax.xaxis.set_major_locator(round_ticks(5))
    bar.ax.tick_params(labelsize=SMALL_FONT_SIZE, length=2, pad=2)
    bar.outline.set_visible(False)
    bar.set_label(sweep.unit, fontsize=SMALL_FONT_SIZE, labelpad=2)
