"""Options and final scores of a run for the table HPARAMS of TensorBoard."""

from collections.abc import Mapping
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from shared.command import flatten

NOT_SCORES = ("chance", "interval", "intervals", "per_degradation")  # what stands beside them


def write_hparams(writer: SummaryWriter, config: Mapping[str, Any], scores: Mapping[str, Any], step: int) -> None:
    """Writes options and final scores into the log of the run itself, which `SummaryWriter.add_hparams` does not.

    Args:
        writer: Writer of the run's log.
        config: Options of the run as plain JSON values.
        scores: Final scores as plain JSON values.
        step: Last optimiser step.
    """
    options = {key: value for key, value in flatten(config) if isinstance(value, bool | int | float | str)}
    final = {
        f"final/{key}": float(value)
        for key, value in flatten(scores)
        if isinstance(value, int | float) and not set(NOT_SCORES) & set(key.split("."))
    }
    for summary in hparams(options, final):
        writer._get_file_writer().add_summary(summary)
    for key, value in final.items():
        writer.add_scalar(key, value, step)
    writer.flush()
