"""Guards that stop a run which cannot recover."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from shared.data import Plan
from shared.training.planned_module import PlannedTraining


class FiniteLoss(pl.Callback):
    """Stops a run whose loss is NaN or infinite, before a checkpoint of that state can be written.

    Losses stay on the device and are checked only at regular steps and before each checkpoint, so that a step need not
    wait for the GPU. A checkpoint also requires finite weights, since gradients can overflow although the loss is
    finite.

    Args:
        checkpoint: Path of the checkpoint, for error messages.
        every: Number of optimiser steps between two checks.
    """

    def __init__(self, checkpoint: Path, every: int) -> None:
        self.checkpoint, self.every = checkpoint, every
        self._unchecked: list[tuple[Plan, Tensor]] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (
            isinstance(pl_module, PlannedTraining)
            and pl_module.last_plan is not None
            and pl_module.last_loss is not None
        ):
            self._unchecked.append((pl_module.last_plan, pl_module.last_loss))
            if trainer.global_step == 1 or trainer.global_step % self.every == 0:
                self._check(pl_module)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if isinstance(pl_module, PlannedTraining):
            self._check(pl_module)
            norms = torch._foreach_norm(list(pl_module.trained.parameters()))
            if not bool(torch.isfinite(torch.stack(norms)).all()):
                raise ValueError(f"a weight is NaN or infinite at step {trainer.global_step}; {self._advice()}")

    def _check(self, module: PlannedTraining) -> None:
        pending, self._unchecked = self._unchecked, []
        if not pending or bool(torch.isfinite(torch.stack([loss for _, loss in pending])).all()):
            return
        plan, loss = next((plan, loss) for plan, loss in pending if not bool(torch.isfinite(loss)))
        raise ValueError(
            f"the loss is {float(loss)} at micro-step {plan.step} (batch seed {module.planner.seed}, {plan.step}); "
            f"{self._advice()}"
        )

    def _advice(self) -> str:
        is_saved = self.checkpoint.is_file()
        state = f"the last good checkpoint is {self.checkpoint}" if is_saved else "there is no checkpoint yet"
        return f"{state}: try a lower optimizer.lr, optimizer.clip=1 or precision=fp32"
