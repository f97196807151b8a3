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
        over: `steps`, `patches` (all views that the run has seen) or their `pixels`.

    Raises:
        ValueError: A path is no pretraining run or has no such score, runs cannot be told apart, or were scored on
            different degradations or images.
    """
    configs = {folder: _read_config(folder) for folder in map(find_run_folder, runs)}
    _check_comparable(configs)
    groups = group_by_seed(configs)
    curves = []
    for group in groups:
        found = {seed: _read_curve(path, score) for seed, path in group.paths.items()}
        steps = sorted(set.intersection(*(set(curve) for curve in found.values())))
        if not steps:
            raise ValueError(f"the runs {group.name} of seeds {', '.join(map(str, found))} share no scored step")
        scale = 1 if over == "steps" else _count_per_step(group.config, over)
        values = {seed: np.array([curve[step] for step in steps]) for seed, curve in found.items()}
        curves.append(LearningCurve(group.name, np.array(steps) * scale, values))
    return curves


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        config = None
    views = config.get("views") if isinstance(config, dict) else None
    if not isinstance(views, dict) or not views.get("crops") or not {"name", "seed", "batch_size"} <= config.keys():
        raise ValueError(f"{folder} is no pretraining run, such as runs/pretrain/NAME")
    return config


def _check_comparable(configs: dict[Path, dict[str, Any]]) -> None:
    """Refuses runs that were scored on different degradations or images."""
    (first, reference), *others = configs.items()
    for folder, config in others:
        for option, values in (
            ("degradation", [one.get("degradation") for one in (reference, config)]),
            ("held-out images", [one.get("inputs", {}).get("held_out_images") for one in (reference, config)]),
        ):
            if values[0] != values[1]:
                raise ValueError(
                    f"{first.name} and {folder.name} differ in their {option}: {values[0]} and {values[1]}"
                )


def _read_curve(folder: Path, score: str) -> dict[int, float]:
    logged = read_probe_curves(folder)
    if not logged:
        raise ValueError(f"{folder} has no probe scores over its steps: train with probe_every=STEPS")
    if score not in logged:
        raise ValueError(f"score={score}: {folder} has logged {', '.join(sorted(logged))}")
    return dict(zip(*(one.tolist() for one in logged[score]), strict=True))


def _count_per_step(config: dict[str, Any], unit: str) -> int:
    """Counts the patches, or pixels, that a step sees."""
    sizes = [(int(count), int(side)) for count, side in re.findall(r"(\d+)x(\d+)", config["views"]["crops"])]
    per_row = sum(count * (side**2 if unit == "pixels" else 1) for count, side in sizes)
    return int(config["batch_size"]) * per_row
