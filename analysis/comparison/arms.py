"""The arms of a study: their resolved options, and the steps that spend the budget."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from analysis.comparison.definition import STAGES, StudyConfig

PER_RUN = ("degradations", "patches", "pixels", "forward_passes", "restored_patches")  # what adds up over the steps


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes:
        name: Its name.
        arguments: Arguments for the program of its stage, without seed and folder.
        options: All options of its runs, resolved by the program.
        quantities: What a whole run sees, and the constants of its target network and negatives.
    """

    name: str
    arguments: list[str]
    options: dict[str, Any]
    quantities: dict[str, float]

    @property
    def steps(self) -> int:
        """Number of optimiser steps."""
        return int(self.options["steps"])


def resolve_arms(study: StudyConfig) -> list[Arm]:
    """Resolves all arms by the program of their stage, which refuses what is wrong, and computes their steps.

    Raises:
        ValueError: An arm has an option that does not exist or does not fit; or a step sees nothing of the currency.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda arm: _resolve(study, arm), study.arms))


def _resolve(study: StudyConfig, name: str) -> Arm:
    arguments = study.arguments(name)
    if study.currency != "steps":
        _, per_step = show_config(study, name, arguments)
        if study.currency not in per_step:
            raise ValueError(f"budget: {study.currency} is not known of stage {study.stage} ({', '.join(per_step)})")
        steps = round(study.budget[study.currency] / per_step[study.currency])
    else:
        steps = int(study.budget["steps"])
    arguments = [*arguments, f"steps={max(1, steps)}"]
    options, per_step = show_config(study, name, arguments)
    counts = {key: count * options["steps"] if key in PER_RUN else count for key, count in per_step.items()}
    return Arm(name, arguments, options, {"steps": options["steps"], **counts})


def show_config(study: StudyConfig, arm: str, arguments: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """Asks the program of the stage for all options of an arm, and for what a step sees.

    Raises:
        ValueError: The program refuses an option; the message is its own, after the name of the arm.
    """
    command = [sys.executable, "-m", STAGES[study.stage], *arguments, "show_config=true"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a message"]
        raise ValueError(f"arm {arm}: {lines[-1]}")
    shown = json.loads(done.stdout)
    return shown["options"], shown["per_step"]
