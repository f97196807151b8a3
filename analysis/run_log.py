"""What a training run wrote down: its contrastive loss at the end, and its probe scores over the steps."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LAST_SHARE = 0.1  # of the logged losses: single batches scatter


@dataclass(frozen=True)
class ContrastiveLoss:
    """InfoNCE in nats, the mean over the end of a run, and the number of negatives that each query met."""

    loss: float
    negatives: int


def final_loss(encoder: str | Path) -> ContrastiveLoss | None:
    """The loss of a finished run; None where it is not InfoNCE, or the artefact was taken out of its run.

    Args:
        encoder: the run folder, or the artefact in it.
    """
    folder = run_folder(encoder)
    try:
        negatives = _negatives(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    curve = _curves(folder).get("train/loss") if negatives else None
    if curve is None:
        return None
    values = curve[1]
    return ContrastiveLoss(float(values[-max(1, round(LAST_SHARE * len(values))) :].mean()), negatives)


def probe_curves(encoder: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Steps and values of the probe scores that a run logged (`probe_every`), by name; empty without any."""
    return {
        tag.removeprefix("probe/"): curve
        for tag, curve in _curves(run_folder(encoder)).items() if tag.startswith("probe/")
    }  # fmt: skip


def run_folder(encoder: str | Path) -> Path:
    """The run folder of an artefact that lies in it; the path itself for a run folder."""
    folder = Path(encoder)
    return folder.parent if folder.name == "encoder" else folder


def _negatives(config: dict[str, Any]) -> int:
    """Of each query; 0 for a method without, or where the keys are not simply the views that are keys."""
    method = config["method"]
    if method["name"] == "moco":
        return int(method["queue_size"])
    if method["name"] == "simclr":
        positives = config["positives"]
        if positives["aggregate"] not in ("pair", "all_pairs"):
            return 0
        keys = positives["count"] + 1 if positives["symmetric"] else positives["count"]
        if positives["side"] == "query" and not positives["symmetric"]:
            keys = 1
        return (config["batch_size"] // config["accumulation"] - 1) * keys
    return 0


def _curves(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """All logged scalars of a run: steps and values."""
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
