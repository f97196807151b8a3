"""`last.ckpt`, with everything that a killed run needs to continue exactly, replaced in one step."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from shared.files import make_private_path


class DirectCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints directly to their path; Lightning's own uses memory and the system's temporary folder."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        with open(path, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())


class LastCheckpoint(pl.Callback):
    """Saves a checkpoint at regular steps and at the end.

    Args:
        path: Path of the checkpoint.
        every: Number of optimiser steps between two checkpoints.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every
        self._saved_step = -1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        is_due = step % self.every == 0 or step == trainer.max_steps
        if is_due and step != self._saved_step and (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self._save(trainer)
            self._saved_step = step

    def _save(self, trainer: pl.Trainer) -> None:
        partial = make_private_path(self.path)
        try:
            trainer.save_checkpoint(partial)
            if trainer.is_global_zero:
                os.replace(partial, self.path)
        except (OSError, RuntimeError) as error:
            partial.unlink(missing_ok=True)
            # torch's writer replaces what has interrupted it by a RuntimeError of its own
            cause = error if isinstance(error, OSError) else error.__context__
            if isinstance(cause, KeyboardInterrupt | SystemExit):
                raise cause from None
            if not isinstance(cause, OSError):
                raise
            raise ValueError(
                f"{self.path} could not be written at step {trainer.global_step} ({cause.strerror}); the checkpoint "
                "before it is kept: free some space and repeat the command"
            ) from error


def check_readable(path: Path) -> None:
    """Refuses a damaged checkpoint; nothing in it is executed.

    Raises:
        ValueError: The checkpoint cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()  # torch itself does not compare checksums
        if damaged is None:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            if isinstance(content, dict) and isinstance(content.get("global_step"), int) and "state_dict" in content:
                return
            reason = "it is no checkpoint of a run"
        else:
            reason = f"a damaged byte in {damaged}"
    except pickle.UnpicklingError:
        reason = "it holds more than numbers and text, which is not read"
    except Exception as error:  # torch raises errors of many kinds, which all mean the same to the user
        reason = str(error).split("\n")[0]
    raise ValueError(f"{path} is corrupt ({reason}): delete it to start the run again, or restore a copy")
