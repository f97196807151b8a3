"""Studies and records without runs."""

import numpy as np

from analysis.comparison.arms import Arm
from analysis.comparison.definition import StudyConfig
from analysis.comparison.records import Record
from shared.probing import ImageSums

IMAGES = 40
INPUTS = {"space": "blur", "training_images": "a", "held_out_images": "b"}


def make_study(**options: object) -> StudyConfig:
    """Makes the definition of a study of two arms."""
    defaults: dict[str, object] = {
        "question": "Is more better?",
        "arms": {"less": "", "more": "batch_size=2"},
        "reference": "less",
        "budget": {"patches": 100},
        "name": "it",
    }
    return StudyConfig(**{**defaults, **options})  # type: ignore[arg-type]


def make_arm(name: str, options: dict[str, object] | None = None, **quantities: float) -> Arm:
    """Makes an arm of ten steps."""
    return Arm(name, [], {"steps": 10, **(options or {})}, {"steps": 10, **quantities})


def make_record(arm: str, seed: int, measure: str, values: np.ndarray, **fields: object) -> Record:
    """Makes a record of a measure that is a mean over images."""
    sums = {measure: ImageSums(values, np.ones(len(values)))}
    known: dict[str, object] = {"options": {"steps": 10}, "inputs": dict(INPUTS), "minutes": 2.0, "device": "CPU"}
    return Record(arm, seed, values={measure: float(values.mean())}, sums=sums, **{**known, **fields})  # type: ignore[arg-type]
