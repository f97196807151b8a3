"""Log of a training run: its final contrastive loss, and its probe scores over the steps."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.probing.run_scores import STORED_NAMES

LOGGED_NAMES = {stored: name for name, stored in STORED_NAMES.items()}  # logged name -> name in reports
LAST_SHARE = 0.1  # of the logged losses, averaged since single batches are noisy


@dataclass(frozen=True)
class ContrastiveLoss:
    """InfoNCE in nats, averaged over the end of a run, and the number of other rows whose keys are negatives."""

    loss: float
    negative_rows: int


def read_final_loss(encoder: str | Path) -> ContrastiveLoss | None:
    """Reads the loss of a finished run; None if its log lacks the number of rows, or there is no run folder.

    Args:
        encoder: Run folder, or the artefact in it.
    """
    curves = _read_scalars(find_run_folder(encoder))
    sr_tag = "train/contrastive_loss"
    tag = sr_tag if sr_tag in curves else "train/loss"
    if not {tag, "train/negative_rows"} <= curves.keys():
        return None
    (_, losses), (_, rows) = curves[tag], curves["train/negative_rows"]
    return ContrastiveLoss(float(losses[-max(1, round(LAST_SHARE * len(losses))) :].mean()), round(rows[-1]))


def read_probe_curves(encoder: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads steps and values of the probe scores that a run logged (`probe_every`), by name; may be empty."""
    return {
        tag.removeprefix("probe/"): curve
        for tag, curve in _read_scalars(find_run_folder(encoder)).items()
        if tag.startswith("probe/")
    }


def read_score_curves(folder: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Reads steps and values of the scores that a run of either stage logged, by their names in reports."""
    curves = {}
    for tag, (steps, values) in _read_scalars(folder).items():
        group, _, name = tag.partition("/")
        if group in ("probe", "validation"):
            name = LOGGED_NAMES.get(name, re.sub("^r2_", "r2/", name))
            curves[name] = [int(step) for step in steps], [float(value) for value in values]
    return curves


def find_run_folder(encoder: str | Path) -> Path:
    """Returns the run folder of an artefact in it; the path itself for a run folder."""
    folder = Path(encoder)
    return folder.parent if folder.name == "encoder" else folder


def _read_scalars(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads all logged scalars of a run: steps and values."""
    if not (folder / "tensorboard").is_dir():
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    return {
        tag: (np.array([point.step for point in points]), np.array([point.value for point in points]))
        for tag, points in found.items()
    }
