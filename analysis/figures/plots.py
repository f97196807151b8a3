"""Printed figures of scores: pairs of degradations, clusters, encoders compared, the course of a training run."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, MaxNLocator

from analysis.figures.style import (
    COLOURS,
    FONT_SIZE,
    PANELS_PER_ROW,
    SMALL_FONT_SIZE,
    WIDTH,
    add_heading,
    colour_and_marker,
    format_number,
    mark_empty,
    max_width,
    new_figure,
    new_panels,
    round_ticks,
    score_label,
    sequential_colormap,
    shorten,
    style_axes,
)

MAX_PRINTED = 12  # degradations in a matrix whose entries are printed
MAX_CELL = 0.4  # inches
WHITE_TEXT_BELOW = 0.77  # AUC: the colours below are dark


def separation_heatmap(separation: np.ndarray, names: list[str], *, encoder: str) -> Figure:
    """Draws how well each pair of degradations is separated.

    Args:
        separation: AUC of the row's samples against the column's, (G, G), 0.5 by chance; the diagonal and NaN are
            hatched.
        names: Names of the G degradations.
        encoder: Name of the encoder.

    Returns:
        The figure.

    Raises:
        ValueError: There is no degradation, or the matrix has another shape.
    """
    if not names:
        raise ValueError("there are no pairs to draw: this probe set lists no degradations")
    if separation.shape != (len(names), len(names)):
        raise ValueError(f"{len(names)} degradations have {len(names)} x {len(names)} pairs, got {separation.shape}")
    labels, count = [shorten(name) for name in names], len(names)
    label = max_width(labels) + 0.1
    side = min(count * MAX_CELL, WIDTH - label - 1.0)
    width = max(3.6, label + side + 1.0)
    figure = new_figure(max(side, 1.6) + label + 1.1, width)
    axes = style_axes(figure.add_subplot())
    axes.spines[:].set_visible(False)
    known = np.where(np.eye(count, dtype=bool), np.nan, separation)
    drawn = axes.pcolormesh(known, cmap=sequential_colormap(), vmin=0.5, vmax=1, edgecolors="white", linewidth=0.3)
    for row, column in np.argwhere(~np.isfinite(known)):
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor="0.93", edgecolor="0.7", hatch="////", linewidth=0))
    for row, column in np.argwhere(np.isfinite(known)) if count <= MAX_PRINTED else ():
        value = known[row, column]
        colour = "black" if value > WHITE_TEXT_BELOW else "white"
        position = (column + 0.5, row + 0.5)
        axes.text(*position, format_number(value), size=SMALL_FONT_SIZE, color=colour, ha="center", va="center")
    font = min(SMALL_FONT_SIZE, 0.85 * 72 * side / count)
    places = np.arange(count) + 0.5
    axes.set_xticks(places, labels, rotation=90, fontsize=font)
    axes.set_yticks(places, labels, fontsize=font)
    axes.set_xlabel("column: the other degradation", fontsize=FONT_SIZE)
    axes.set_ylabel("row: the patch's degradation", fontsize=FONT_SIZE)
    axes.tick_params(length=0)
    axes.invert_yaxis()
    below = bool((known[np.isfinite(known)] < 0.5).any())
    bar = figure.colorbar(drawn, ax=axes, extend="min" if below else "neither", shrink=min(1, 2 / side), pad=0.02)
    bar.ax.tick_params(labelsize=SMALL_FONT_SIZE, length=2)
    bar.outline.set_visible(False)
    add_heading(
        figure,
        f"Pairwise separation of degradations: {shorten(encoder, 2)}\n"
        "AUC: how often a patch of the row's degradation is nearer to a patch of the same degradation in another image "
        "than to a patch of the column's degradation. 0.5: chance; 1: always.",
    )
    return figure


def silhouette_bars(
    silhouette: dict[str, float], intervals: dict[str, tuple[float, float]] | None = None, *, encoder: str
) -> Figure:
    """Draws the silhouette of each degradation, the worst at the top.

    Args:
        silhouette: Mean silhouette in [-1, 1] by the name of the degradation; NaN, drawn last, where it is not defined.
        intervals: Ends of the confidence intervals by the same names; NaN where there is none.
        encoder: Name of the encoder.

    Returns:
        The figure.

    Raises:
        ValueError: There is no degradation.
    """
    if not silhouette:
        raise ValueError("there are no silhouettes to draw: this probe set lists no degradations")
    ordered = sorted(silhouette.items(), key=lambda item: (np.isnan(item[1]), item[1]))
    values = np.array([value for _, value in ordered])
    figure = new_figure(0.16 * len(ordered) + 1.1)
    axes = style_axes(figure.add_subplot(), grid="x")
    colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in values]
    places = np.arange(len(ordered))
    axes.barh(places, np.nan_to_num(values), color=colours, height=0.7)
    ends = np.array([(intervals or {}).get(name, (np.nan, np.nan)) for name, _ in ordered])  # (G, 2)
    axes.hlines(places, *ends.T, color="0.25", linewidth=1)
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_yticks(places, [shorten(name) for name, _ in ordered], fontsize=SMALL_FONT_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(ordered) - 0.4, -0.6)
    drawn = np.concatenate((values, ends.ravel()))
    reach = [1.05 * float(limit) for limit in (np.nanmin(drawn, initial=0), np.nanmax(drawn, initial=0))]
    axes.set_xlim(*(reach if reach[1] > reach[0] else (0, 1)))
    for place, value in zip(places.tolist(), values, strict=True):
        if np.isnan(value):
            axes.text(0, place, " not defined", size=SMALL_FONT_SIZE, va="center", color="0.4")
        else:
            beside = axes.get_yaxis_transform()
            axes.text(
                1.07, place, format_number(value), size=SMALL_FONT_SIZE, ha="right", va="center", transform=beside
            )
    axes.xaxis.set_major_locator(round_ticks(6))
    axes.set_xlabel("mean silhouette (cosine distance)", fontsize=FONT_SIZE)
    add_heading(
        figure,
        f"Silhouette of each degradation, worst first: {shorten(encoder, 4)}\n"
        "1: a compact cluster, far from all others; below 0 (orange): its patches are nearer to another degradation. "
        "Lines: 95 % intervals over images.",
    )
    return figure


def score_comparison(
    rows: dict[str, dict[str, tuple[float, float, float]]],
    *,
    chance: dict[str, float] | None = None,
    more_is_better: dict[str, bool] | None = None,
) -> Figure:
    """Draws the scores of several encoders, one panel per score.

    Args:
        rows: Value and ends of the confidence interval by encoder and score; NaN where there is none. The scores of
            the first encoder determine the panels.
        chance: Chance level by score.
        more_is_better: Whether higher is better, by score; determines the arrows in the titles.

    Returns:
        The figure.

    Raises:
        ValueError: There is no encoder, or no score.
    """
    if not rows or not next(iter(rows.values())):
        raise ValueError(f"a comparison needs at least one encoder with at least one score, got {rows}")
    names = list(next(iter(rows.values())))
    figure, axes_of = new_panels(len(names), 0.17 * len(rows) + 0.5, heading=0.75)
    arrow = {True: " ↑", False: " ↓"}
    for i, (name, axes) in enumerate(zip(names, axes_of, strict=True)):
        style_axes(axes, score_label(name) + arrow.get((more_is_better or {}).get(name), ""), grid="x")  # type: ignore[arg-type]
        for place, scores in enumerate(rows.values()):
            value, *ends = scores.get(name, (np.nan,) * 3)
            colour, marker = colour_and_marker(place)
            axes.plot(ends, [place, place], color=colour, linewidth=1.4, solid_capstyle="butt")
            axes.plot(value, place, color=colour, marker=marker, markersize=4.5, markeredgewidth=0)
        if name in (chance or {}):
            axes.axvline((chance or {})[name], color="0.4", linewidth=0.9, linestyle=(0, (4, 2)))
        labels = [shorten(encoder, 1.7) for encoder in rows] if i % PANELS_PER_ROW == 0 else [""] * len(rows)
        axes.set_yticks(range(len(rows)), labels, fontsize=SMALL_FONT_SIZE)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.set_major_locator(round_ticks(4))
        if not any(np.isfinite(scores.get(name, (np.nan,))[0]) for scores in rows.values()):
            axes.text(0.5, 0.5, "no values", size=SMALL_FONT_SIZE, ha="center", color="0.4", transform=axes.transAxes)
            axes.set_xticks([])
    add_heading(
        figure,
        "Scores of the encoders\nLines: 95 % intervals over images; dashed: chance level; ↑ higher is better; "
        "↓ lower is better.",
    )
    return figure


def training_progress(
    curves: dict[str, tuple[np.ndarray, np.ndarray]], *, run: str, chance: dict[str, float] | None = None
) -> Figure:
    """Draws the probe scores of a training run against its optimiser steps.

    Args:
        curves: Steps (K,) and values (K,) by score; K may be 0, values may be NaN.
        run: Name of the run.
        chance: Chance level by score.

    Returns:
        The figure.

    Raises:
        ValueError: There is no curve.
    """
    if not curves:
        raise ValueError("there are no probe scores to draw: pass at least one curve")
    figure, axes_of = new_panels(len(curves), 1.5)
    for (name, (steps, values)), axes in zip(curves.items(), axes_of, strict=True):
        style_axes(axes, score_label(name), grid="both")
        known = np.isfinite(values)
        axes.plot(np.asarray(steps)[known], np.asarray(values)[known], color=COLOURS[0], lw=1, marker="o", ms=2.5)
        if name in (chance or {}):
            axes.axhline((chance or {})[name], color="0.4", linewidth=0.9, linestyle=(0, (4, 2)))
        axes.set_xlabel("optimiser steps", fontsize=SMALL_FONT_SIZE)
        if not known.any():
            mark_empty(axes)
            continue
        axes.set_xlim(*_widen_to_two_steps(axes.get_xlim()))
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_locator(round_ticks(4))
    legend = "; dashed: chance level" if chance else ""
    add_heading(figure, f"Probe scores during training: {shorten(run, 4)}{legend}")
    return figure


def _widen_to_two_steps(limits: tuple[float, float]) -> tuple[float, float]:
    """Widens the limits of an axis of whole numbers so that it has ticks."""
    low, high = limits
    return (low, high) if high - low >= 2 else ((low + high) / 2 - 1, (low + high) / 2 + 1)
