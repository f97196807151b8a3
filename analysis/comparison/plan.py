"""The runs of a study: which are finished, here or in the records that come with it, and which are to be trained."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.comparison.arms import Arm
from analysis.comparison.definition import STAGES, StudyConfig
from analysis.comparison.execution import PlannedRun
from analysis.comparison.records import Record
from shared.command import flatten
from shared.run_folders.report_folder import HASH_DIGITS
from shared.run_folders.run_folder import FREE_OPTIONS


@dataclass(frozen=True)
class Cost:
    """What a run of an arm takes: minutes of training, and megabytes of its checkpoint."""

    minutes: float
    megabytes: float


def plan_runs(study: StudyConfig, arms: Sequence[Arm]) -> list[PlannedRun]:
    """Plans the runs of all arms and seeds, in the folder of a run with the same options if there is one.

    A folder of the study's own that holds a run with other options, as after a change of the study, is left alone.
    """
    stage = Path(study.runs_dir) / study.stage
    stored = {path.parent: _read_config(path) for path in sorted(stage.glob("*/config.json"))}
    planned = []
    for seed in study.seeds:
        for arm in arms:
            wanted = arm.options | {"seed": seed}
            equal = (folder for folder, config in stored.items() if config and is_equal(config, wanted))
            own = stage / f"{study.name}-{arm.name}-s{seed}"
            folder = next(equal, own.with_name(f"{own.name}-{hash_values(wanted)}") if own in stored else own)
            arguments = [*arm.arguments, f"seed={seed}", f"name={folder.name}", f"runs_dir={study.runs_dir}"]
            planned.append(PlannedRun(arm.name, seed, folder, STAGES[study.stage], arguments))
    return planned


def find_record(records: Sequence[Record], arm: Arm, seed: int) -> Record | None:
    """Finds the record of an arm and a seed, made with the same options; None if there is none."""
    wanted = arm.options | {"seed": seed}
    equal = (one for one in records if one.arm == arm.name and one.seed == seed and is_equal(one.options, wanted))
    return next(equal, None)


def is_equal(stored: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether the options of a run are those wanted, its folder of images included.

    Options that the run did not have yet do not count, nor does the folder of records that come with a study.
    """
    before = dict(flatten(stored))
    return all(
        before.get(key, value) == value or (key == "precision" and value == "auto")
        for key, value in flatten(wanted)
        if key not in FREE_OPTIONS
    )


def hash_values(values: Any) -> str:
    """Hashes plain JSON values to six digits, for the name of a folder."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:HASH_DIGITS]


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def measure_cost(study: StudyConfig, arm: Arm) -> Cost:
    """Measures what a run of an arm takes, by a dry run of its program.

    Raises:
        ValueError: The program refuses the run; the message is its own, after the name of the arm.
    """
    command = [sys.executable, "-m", STAGES[study.stage], *arm.arguments, "dry_run=true", f"name={study.name}-dry"]
    done = subprocess.run([*command, f"runs_dir={study.runs_dir}"], capture_output=True, text=True)
    step = re.search(r"^ +step +([\d.]+) s", done.stdout, re.MULTILINE)
    size = re.search(r"^ +checkpoint +(\d+) MB", done.stdout, re.MULTILINE)
    if done.returncode or not step or not size:
        lines = done.stderr.strip().splitlines() or ["its dry run ended without a message"]
        raise ValueError(f"arm {arm.name}: {lines[-1]}")
    return Cost(float(step[1]) * arm.steps / 60, float(size[1]))
