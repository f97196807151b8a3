"""A figure of one score over the budget, a line for each arm of a comparison."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from analysis.figures.style import (
    FONT_SIZE,
    SMALL_FONT_SIZE,
    add_heading,
    colour_and_marker,
    new_figure,
    round_ticks,
    score_label,
    shorten,
    style_axes,
)


def learning_curves(curves: Sequence[tuple[str, np.ndarray, np.ndarray]], *, score: str, budget: str) -> Figure:
    """Draws the mean over the seeds of each arm, with a band from the lowest to the highest seed.

    Args:
        curves: Name, budget (K,) and values (S, K) of S seeds, for each arm; values may be NaN.
        score: Name of the score.
        budget: Label of the horizontal axis.

    Returns:
        The figure.

    Raises:
        ValueError: There is no arm.
    """
    if not curves:
        raise ValueError("there are no learning curves to draw: pass at least one")
    figure = new_figure(3.2)
    axes = style_axes(figure.add_subplot(), grid="both")
    for index, (name, budgets, values) in enumerate(curves):
        colour, marker = colour_and_marker(index)
        label = f"{shorten(name, 2)} ({len(values)} seed{'s' * (len(values) > 1)})"
        axes.plot(budgets, values.mean(0), color=colour, lw=1.1, marker=marker, ms=3.5, mew=0, label=label)
        if len(values) > 1:
            axes.fill_between(budgets, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
    axes.set_xlabel(budget, fontsize=FONT_SIZE)
    axes.set_ylabel(score_label(score), fontsize=FONT_SIZE)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(round_ticks(6))
    axes.legend(fontsize=SMALL_FONT_SIZE, frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    add_heading(
        figure, f"{score_label(score)} during training\nLines: means; bands: from the lowest to the highest seed."
    )
    return figure
