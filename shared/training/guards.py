"""Stop a run that cannot recover."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from shared.training.planned_module import PlannedTraining


class NotFiniteError(ValueError):
    """The loss became NaN or infinite."""


class FiniteLoss(pl.Callback):
    """Stops at a loss that is NaN or infinite, before a checkpoint of it can be written.

    The loss of a step is looked at when the next step begins, so that a GPU is never waited for, and once more before
    a checkpoint.

    Args:
        checkpoint: where the last good state is.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._check(trainer, pl_module)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._check(trainer, pl_module)

    def _check(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not isinstance(module, PlannedTraining) or module.last_loss is None or module.last_plan is None:
            return
        if bool(torch.isfinite(module.last_loss)):
            return
        saved = (
            f"the last good checkpoint is {self.checkpoint}"
            if self.checkpoint.is_file()
            else "there is no checkpoint yet"
        )
        raise NotFiniteError(
            f"the loss is {float(module.last_loss)} at micro-step {module.last_plan.step} (batch seed "
            f"{module.planner.seed}, {module.last_plan.step}); {saved}: "
            "try a lower optimizer.lr, optimizer.clip=1 or precision=fp32"
        )
