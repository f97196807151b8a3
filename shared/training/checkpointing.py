"""`last.ckpt`: everything a killed run needs to go on exactly, written so that it is either whole or the one before."""

import os
import zipfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO


class DirectCheckpointIO(TorchCheckpointIO):
    """Writes where it is told; Lightning's own goes through memory and the system's temporary folder."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        with open(path, "wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())


class LastCheckpoint(pl.Callback):
    """Saves after every `every` optimiser steps and at the end.

    Args:
        path: of the checkpoint.
        every: optimiser steps.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every
        self._saved_step = -1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        due = step % self.every == 0 or step == trainer.max_steps
        if due and step != self._saved_step and (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self._save(trainer)
            self._saved_step = step

    def _save(self, trainer: pl.Trainer) -> None:
        fresh = self.path.with_name(f".{self.path.name}.part")
        try:
            trainer.save_checkpoint(fresh)
            if trainer.is_global_zero:
                os.replace(fresh, self.path)
        except (OSError, RuntimeError) as error:
            fresh.unlink(missing_ok=True)
            # torch's writer hides the system's error behind a RuntimeError of its own
            cause = error if isinstance(error, OSError) else error.__context__
            if not isinstance(cause, OSError):
                raise
            raise ValueError(
                f"{self.path} could not be written at step {trainer.global_step} ({cause.strerror}); the checkpoint "
                "before it is kept: free space and give the same command again"
            ) from error


def check_readable(path: Path) -> None:
    """Refuse a checkpoint that is not whole; nothing in it is executed.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()  # torch itself compares no checksums
        if damaged is None:
            torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return
        reason = f"a damaged byte in {damaged}"
    except Exception as error:  # torch raises many kinds here; each of them means the same to the user
        reason = str(error).split("\n")[0]
    raise ValueError(f"{path} is corrupt ({reason}): delete it to start this run over, or restore a copy")
