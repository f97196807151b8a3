"""Probe scores of pretraining runs over the budget that they have used, for runs of several seeds."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.measures.run_log import find_run_folder, read_probe_curves
from shared.run_folders import group_by_seed


@dataclass(frozen=True)
class LearningCurve:
    """A score of runs that differ only in their seed.

    Attributes:
        name: Name of the runs without their seed.
        budget: Steps or patches at which all runs were scored, (K,), ascending.
        values: Score by seed, (K,) each.
    """

    name: str
    budget: np.ndarray
    values: dict[int, np.ndarray]

    @property
    def stacked(self) -> np.ndarray:
        """The scores of all seeds, (S, K)."""
        return np.stack(list(self.values.values()))


def read_learning_curves(runs: Sequence[str], score: str, over: str) -> list[LearningCurve]:
    """Reads the logged probe scores of pretraining runs, finished or not, in the order given.

    Args:
        runs: Run folders, or artefacts in them.
        score: Name of the score in the log, such as `knn_accuracy`.
        over: `steps`, or `patches`: all views that the run has seen.

    Raises:
        ValueError: A path is no pretraining run or has no such score, or runs cannot be told apart.
    """
    folders = [find_run_folder(run) for run in runs]
    groups = group_by_seed({folder: _read_config(folder) for folder in folders})
    curves = []
    for group in groups:
        found = {seed: _read_curve(path, score) for seed, path in group.paths.items()}
        steps = sorted(set.intersection(*(set(curve) for curve in found.values())))
        if not steps:
            raise ValueError(f"the runs {group.name} of seeds {', '.join(map(str, found))} share no scored step")
        scale = 1 if over == "steps" else _count_patches_per_step(group.config)
        values = {seed: np.array([curve[step] for step in steps]) for seed, curve in found.items()}
        curves.append(LearningCurve(group.name, np.array(steps) * scale, values))
    return curves


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text())
        return config if config["views"]["crops"] and config["method"] else {}
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder} is no pretraining run, such as runs/pretrain/NAME") from error


def _read_curve(folder: Path, score: str) -> dict[int, float]:
    logged = read_probe_curves(folder)
    if not logged:
        raise ValueError(f"{folder} has no probe scores over its steps: train with probe_every=STEPS")
    if score not in logged:
        raise ValueError(f"score={score}: {folder} has logged {', '.join(sorted(logged))}")
    return dict(zip(*(one.tolist() for one in logged[score]), strict=True))


def _count_patches_per_step(config: dict[str, Any]) -> int:
    views = sum(int(count) for count in re.findall(r"(\d+)x\d+", config["views"]["crops"]))
    return int(config["batch_size"]) * views
