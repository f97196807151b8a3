"""Printed plots of scores: pairs of degradations, clusters, encoders beside each other, a run over its steps."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, MaxNLocator

from analysis.figures.style import (
    COLOURS,
    PER_ROW,
    SIZE,
    SMALL,
    WIDTH,
    head,
    longest,
    look,
    new_figure,
    no_values,
    number,
    panels,
    plain,
    round_ticks,
    score_words,
    sequential,
    shown,
)

PRINTED = 12  # degradations up to which the entries of a matrix are printed
CELL = 0.4  # inches, largest


def separation_heatmap(separation: np.ndarray, names: list[str], *, encoder: str) -> Figure:
    """How well each degradation is told from each other one.

    Args:
        separation: (G, G) AUC of the row's samples against the column's, 0.5 by chance; the diagonal and NaN are
            hatched.
        names: of the G degradations.
        encoder: its name.

    Raises:
        ValueError: there is no degradation, or the matrix has another shape.
    """
    if not names:
        raise ValueError("there are no pairs to draw: this probe set lists no degradations")
    if separation.shape != (len(names), len(names)):
        raise ValueError(f"{len(names)} degradations have {len(names)} x {len(names)} pairs, got {separation.shape}")
    labels, count = [shown(name) for name in names], len(names)
    label = longest(labels) + 0.1
    side = min(count * CELL, WIDTH - label - 0.8)
    width = max(3.6, label + side + 0.8)
    figure = new_figure(side + label + 0.9, width)
    axes = plain(figure.add_subplot())
    axes.spines[:].set_visible(False)
    known = np.where(np.eye(count, dtype=bool), np.nan, separation)
    drawn = axes.pcolormesh(known, cmap=sequential(), vmin=0.5, vmax=1, edgecolors="white", linewidth=0.3)
    for row, column in np.argwhere(~np.isfinite(known)):
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor="0.93", edgecolor="0.7", hatch="////", linewidth=0))
    for row, column in np.argwhere(np.isfinite(known)) if count <= PRINTED else ():
        value = known[row, column]
        colour = "black" if value > 0.77 else "white"
        axes.text(column + 0.5, row + 0.5, number(value), size=SMALL, color=colour, ha="center", va="center")
    font = min(SMALL, 0.85 * 72 * side / count)
    places = np.arange(count) + 0.5
    axes.set_xticks(places, labels, rotation=90, fontsize=font)
    axes.set_yticks(places, labels, fontsize=font)
    axes.tick_params(length=0)
    axes.invert_yaxis()
    below = bool((known[np.isfinite(known)] < 0.5).any())
    bar = figure.colorbar(drawn, ax=axes, extend="min" if below else "neither", shrink=min(1, 2 / side), pad=0.02)
    bar.ax.tick_params(labelsize=SMALL, length=2)
    bar.outline.set_visible(False)
    head(
        figure,
        f"Separation of pairs of degradations by {shown(encoder, 2)}\n"
        "An entry: how often a patch of the row's degradation lies nearer to one of its own degradation in another "
        "image than to one of the column's; 0.5 by chance, 1 always.",
    )
    return figure


def silhouette_bars(
    silhouette: dict[str, float], intervals: dict[str, tuple[float, float]] | None = None, *, encoder: str
) -> Figure:
    """How well each degradation keeps together, the worst at the top.

    Args:
        silhouette: in [-1, 1] by the name of the degradation; NaN, drawn last, where it is not defined.
        intervals: ends by the same names; NaN where there is none.
        encoder: its name.

    Raises:
        ValueError: there is no degradation.
    """
    if not silhouette:
        raise ValueError("there are no silhouettes to draw: this probe set lists no degradations")
    ordered = sorted(silhouette.items(), key=lambda one: (np.isnan(one[1]), one[1]))
    values = np.array([value for _, value in ordered])
    figure = new_figure(0.16 * len(ordered) + 1.1)
    axes = plain(figure.add_subplot(), grid="x")
    colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in values]
    places = np.arange(len(ordered))
    axes.barh(places, np.nan_to_num(values), color=colours, height=0.7)
    ends = np.array([(intervals or {}).get(name, (np.nan, np.nan)) for name, _ in ordered])  # (G, 2)
    axes.hlines(places, *ends.T, color="0.25", linewidth=1)
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_yticks(places, [shown(name) for name, _ in ordered], fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(ordered) - 0.4, -0.6)
    drawn = np.concatenate((values, ends.ravel()))
    reach = [1.05 * float(limit) for limit in (np.nanmin(drawn, initial=0), np.nanmax(drawn, initial=0))]
    axes.set_xlim(*(reach if reach[1] > reach[0] else (0, 1)))
    for place, value in zip(places.tolist(), values, strict=True):
        if np.isnan(value):
            axes.text(0, place, " not defined", size=SMALL, va="center", color="0.4")
        else:
            axes.text(
                1.07, place, number(value), size=SMALL, ha="right", va="center", transform=axes.get_yaxis_transform()
            )
    axes.xaxis.set_major_locator(round_ticks(6))
    axes.set_xlabel("mean silhouette, cosine distance", fontsize=SIZE)
    head(
        figure,
        f"Silhouette of each degradation under {shown(encoder, 4)}, the worst at the top\n"
        "1: its patches lie together and apart from all others; below 0 (orange): another degradation is nearer. Lines "
        "are 95 % intervals over images.",
    )
    return figure


def score_comparison(
    rows: dict[str, dict[str, tuple[float, float, float]]],
    *,
    chance: dict[str, float] | None = None,
    more_is_better: dict[str, bool] | None = None,
) -> Figure:
    """Scores of several encoders beside each other.

    Args:
        rows: by encoder and score: its value and the ends of its interval; NaN where there is none. The scores of the
            first encoder are shown.
        chance: level of a score that takes no knowledge.
        more_is_better: by score; gives the titles their arrows.

    Raises:
        ValueError: there is no encoder, or no score.
    """
    if not rows or not next(iter(rows.values())):
        raise ValueError(f"a comparison needs at least one encoder with a score, got {rows}")
    names = list(next(iter(rows.values())))
    figure, axes_of = panels(len(names), 0.17 * len(rows) + 0.5, heading=0.75)
    arrow = {True: " ↑", False: " ↓"}
    for i, (name, axes) in enumerate(zip(names, axes_of, strict=True)):
        plain(axes, score_words(name) + arrow.get((more_is_better or {}).get(name), ""), grid="x")  # type: ignore[arg-type]
        for place, scores in enumerate(rows.values()):
            value, *ends = scores.get(name, (np.nan,) * 3)
            colour, marker = look(place)
            axes.plot(ends, [place, place], color=colour, linewidth=1.4, solid_capstyle="butt")
            axes.plot(value, place, color=colour, marker=marker, markersize=4.5, markeredgewidth=0)
        if name in (chance or {}):
            axes.axvline((chance or {})[name], color="0.4", linewidth=0.9, linestyle=(0, (4, 2)))
        labels = [shown(encoder, 1.7) for encoder in rows] if i % PER_ROW == 0 else [""] * len(rows)
        axes.set_yticks(range(len(rows)), labels, fontsize=SMALL)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.set_major_locator(round_ticks(4))
        if not any(np.isfinite(scores.get(name, (np.nan,))[0]) for scores in rows.values()):
            axes.text(0.5, 0.5, "no values", size=SMALL, ha="center", color="0.4", transform=axes.transAxes)
            axes.set_xticks([])
    head(
        figure,
        "Scores of the encoders\nLines are 95 % intervals over images; dashed: the level without any knowledge; "
        "arrows: ↑ more is better, ↓ less is better.",
    )
    return figure


def training_progress(
    curves: dict[str, tuple[np.ndarray, np.ndarray]], *, run: str, chance: dict[str, float] | None = None
) -> Figure:
    """Probe scores of a run over its optimiser steps.

    Args:
        curves: steps (K,) and values (K,) by score; K may be 0, values may be NaN.
        run: its name.
        chance: level of a score that takes no knowledge.

    Raises:
        ValueError: there is no curve.
    """
    if not curves:
        raise ValueError("there are no probe scores to draw: give at least one curve")
    figure, axes_of = panels(len(curves), 1.5)
    for (name, (steps, values)), axes in zip(curves.items(), axes_of, strict=True):
        plain(axes, score_words(name), grid="both")
        known = np.isfinite(values)
        axes.plot(np.asarray(steps)[known], np.asarray(values)[known], color=COLOURS[0], lw=1, marker="o", ms=2.5)
        if name in (chance or {}):
            axes.axhline((chance or {})[name], color="0.4", linewidth=0.9, linestyle=(0, (4, 2)))
        axes.set_xlabel("optimiser steps", fontsize=SMALL)
        if not known.any():
            no_values(axes)
            continue
        axes.set_xlim(*_at_least_two(axes.get_xlim()))
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_locator(round_ticks(4))
    head(figure, f"Probe scores of {shown(run, 4)} during training" + ("; dashed: chance" if chance else ""))
    return figure


def _at_least_two(limits: tuple[float, float]) -> tuple[float, float]:
    """Limits of an axis of whole steps, wide enough to have some."""
    low, high = limits
    return (low, high) if high - low >= 2 else ((low + high) / 2 - 1, (low + high) / 2 + 1)
