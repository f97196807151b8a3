"""Files of a comparison of learning curves: a picture, and the values as CSV and JSON."""

import csv
import io
from collections.abc import Sequence

from analysis.config import CurvesConfig
from analysis.figures.learning_curves import learning_curves
from analysis.figures.style import save, score_label
from analysis.measures.learning_curves import LearningCurve
from shared.command import align_columns, format_number, to_plain
from shared.files import without_nan, write_atomically, write_json
from shared.run_folders import ReportFolder

STAGE, PICTURE, RESULTS = "analysis", "curves", "curves.json"


def write_curves(config: CurvesConfig, curves: Sequence[LearningCurve]) -> str:
    """Writes `curves.png`, `.svg`, `.csv` and `.json`; returns a table of the last scores and the path of the picture.

    Raises:
        ValueError: The folder belongs to another report, or cannot be written.
    """
    values = without_nan(
        {
            curve.name: {
                "budget": curve.budget.tolist(),
                "seeds": {str(seed): scores.tolist() for seed, scores in curve.values.items()},
            }
            for curve in curves
        }
    )
    report = ReportFolder(
        config.runs_dir,
        STAGE,
        name=config.name,
        default=f"curves-{config.score}",
        config=to_plain(config) | {"curves": values},
        results=RESULTS,
        required=(f"{PICTURE}.png",),
    )
    with report.lock():
        if report.load() is None:
            figure = learning_curves(
                [(curve.name, curve.budget, curve.stacked) for curve in curves],
                score=config.score,
                budget="optimiser steps" if config.over == "steps" else f"{config.over} seen",
            )
            with report.writing() as folder:
                save(figure, folder / PICTURE)
                write_atomically(folder / f"{PICTURE}.csv", _format_csv(config, curves).encode())
                write_json(folder / RESULTS, values)
    return f"{_format_table(config, curves)}\n\npicture: {report.path / PICTURE}.png"


def _format_csv(config: CurvesConfig, curves: Sequence[LearningCurve]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "seed", config.over, config.score])
    for curve in curves:
        for seed, scores in curve.values.items():
            writer.writerows([curve.name, seed, *point] for point in zip(curve.budget.tolist(), scores, strict=True))
    return text.getvalue()


def _format_table(config: CurvesConfig, curves: Sequence[LearningCurve]) -> str:
    last = [curve.stacked[:, -1] for curve in curves]
    columns = [
        ["seeds", *(str(len(scores)) for scores in last)],
        [config.over, *(f"{curve.budget[-1]:,}" for curve in curves)],
        [f"last {score_label(config.score)}", *(format_number(scores.mean()) for scores in last)],
        ["lowest", *(format_number(scores.min()) for scores in last)],
        ["highest", *(format_number(scores.max()) for scores in last)],
    ]
    return "\n\n".join(align_columns(["", *(curve.name for curve in curves)], columns))
