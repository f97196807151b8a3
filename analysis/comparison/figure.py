"""The figure of a study: its first measure over the budget, a line for each arm."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.comparison.answer import Table
from analysis.comparison.arms import Arm
from analysis.figures.learning_curves import learning_curves


def draw_curves(table: Table, arms: Sequence[Arm]) -> Figure | None:
    """Draws the first measure that the runs logged over what the arms spend; None if they logged none.

    A line is the mean of the seeds that have logged it, at the steps that they share.
    """
    study = table.study
    for measure in study.measures:
        curves = []
        for arm in arms:
            logged = [one.curves[measure] for one in table.records.get(arm.name, {}).values() if measure in one.curves]
            shared = sorted(set.intersection(*(set(steps) for steps, _ in logged))) if logged else []
            if shared:
                spent = arm.quantities[study.currency] / arm.steps
                by_step = [dict(zip(steps, values, strict=True)) for steps, values in logged]
                values = np.array([[one[step] for step in shared] for one in by_step])
                curves.append((arm.name, np.array(shared) * spent, values))
        if curves:
            return learning_curves(curves, score=measure, budget=study.currency.replace("_", " "))
    return None
