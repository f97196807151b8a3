"""What a training run wrote down: its contrastive loss at the end, and its probe scores over the steps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

LAST_SHARE = 0.1  # of the logged losses: single batches scatter


@dataclass(frozen=True)
class ContrastiveLoss:
    """InfoNCE in nats, the mean over the end of a run, and of how many other rows the keys of each query came."""

    loss: float
    negative_rows: int


def final_loss(encoder: str | Path) -> ContrastiveLoss | None:
    """The loss of a finished run; None where its log does not tell the rows, or the artefact was taken out of it.

    Args:
        encoder: the run folder, or the artefact in it.
    """
    curves = _curves(run_folder(encoder))
    of_sr_run = "train/contrastive_loss"
    loss = of_sr_run if of_sr_run in curves else "train/loss"
    if not {loss, "train/negative_rows"} <= curves.keys():
        return None
    (_, losses), (_, rows) = curves[loss], curves["train/negative_rows"]
    return ContrastiveLoss(float(losses[-max(1, round(LAST_SHARE * len(losses))) :].mean()), round(rows[-1]))


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
