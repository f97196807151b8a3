"""The contrastive loss a run ended with, to be held against the least that its views can have."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LAST_SHARE = 0.1  # of the logged points: single batches scatter


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
    folder = Path(encoder)
    folder = folder.parent if folder.name == "encoder" else folder
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        negatives = _negatives(config)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    values = _logged(folder / "tensorboard", "train/loss") if negatives else []
    if not values:
        return None
    return ContrastiveLoss(float(np.mean(values[-max(1, round(LAST_SHARE * len(values))) :])), negatives)


def _negatives(config: dict[str, Any]) -> int:
    method = config["method"]
    if method["name"] == "moco":
        return int(method["queue_size"])
    if method["name"] == "simclr":
        views = sum(int(part.split("x")[0]) for part in config["views"]["crops"].split("+"))
        return (config["batch_size"] // config["accumulation"] - 1) * views
    return 0


def _logged(folder: Path, tag: str) -> list[float]:
    if not folder.is_dir():
        return []
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return [event.value for event in events.Scalars(tag)] if tag in events.Tags()["scalars"] else []
