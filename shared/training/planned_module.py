"""The base of both stages' LightningModules: planned batches, optimiser, schedule, generators in checkpoints."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from shared.data import ImageStore, Plan, PlannedBatches, Planner
from shared.training.ema import MovingAverage
from shared.training.optimizers import build_optimizer, build_schedule
from shared.training.run_config import RunConfig

MAX_IMAGE_SHARE = 0.4  # of a GPU's free memory, the rest of which is for weights and activations


def move_if_it_fits(store: ImageStore, device: torch.device) -> ImageStore:
    """Moves images to a GPU if they need at most a part of its free memory; otherwise returns them as they are."""
    free, _ = torch.cuda.mem_get_info(device)
    return store.to(device) if store.nbytes < MAX_IMAGE_SHARE * free else store


class PlannedTraining(pl.LightningModule):
    """Trains a module on the batches of a planner.

    Subclasses define `ema_source` and `loss` and may extend `after_optimizer_step`.

    Args:
        trained: Module with everything that is trained or must be in the checkpoint.
        planner: Planner of the batches. Its images are moved to the device if they fit.
        run: Options of the run.

    Attributes:
        ema: Moving average of `ema_source`; None without one.
        fetch_seconds: Time spent in this process on gathering pixels.
        earlier_seconds: Time of training in earlier, killed processes of the run.
        last_loss: Loss of the last micro-batch, detached.
        last_logs: Scalars of the last micro-batch by name, detached.
        last_plan: Plan of the last micro-batch.
        last_lr: Learning rate at the last micro-batch.
    """

    def __init__(self, trained: nn.Module, planner: Planner, run: RunConfig) -> None:
        super().__init__()
        self.trained = trained
        self.ema = MovingAverage(self.ema_source, run.ema) if run.ema else None
        self.planner = planner
        self.run = run
        self.fetch_seconds = 0.0
        self.earlier_seconds = 0.0
        self._started = time.perf_counter()
        self.last_loss: Tensor | None = None
        self.last_logs: dict[str, Tensor] = {}
        self.last_plan: Plan | None = None
        self.last_lr = 0.0

    @property
    def ema_source(self) -> nn.Module:
        """The part of `trained` that a moving average follows."""
        raise TypeError(f"{type(self).__name__} must define ema_source")

    @property
    def export_module(self) -> nn.Module:
        """The module that becomes the artefact: the moving average if there is one, otherwise `ema_source`."""
        return self.ema_source if self.ema is None else self.ema.network

    def loss(self, plan: Plan) -> tuple[Tensor, dict[str, Tensor]]:
        """Computes the loss and detached scalars of one micro-batch."""
        raise TypeError(f"{type(self).__name__} must define loss()")

    def after_optimizer_step(self) -> None:
        """Updates the moving average after each optimiser step."""
        if self.ema is not None:
            self.ema.update(self.ema_source, self.global_step + 1)  # Lightning counts the step after this hook

    def fetch(self, plan: Plan) -> tuple[Tensor, ...]:
        """Gathers the source crops of a plan, see `Planner.fetch`, and measures the time."""
        if plan.crops:
            return plan.crops
        start = time.perf_counter()
        crops = self.planner.fetch(plan)
        self.fetch_seconds += time.perf_counter() - start
        return crops

    def training_step(self, batch: Plan, batch_idx: int) -> Tensor:
        loss, self.last_logs = self.loss(batch)
        self.last_loss, self.last_plan = loss.detach(), batch
        self.last_lr = self.trainer.optimizers[0].param_groups[0]["lr"]
        return loss

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.after_optimizer_step()

    def on_fit_start(self) -> None:
        self.planner.rank, self.planner.world_size = self.global_rank, self.trainer.world_size
        if self.device.type == "cuda":
            self.planner.store = move_if_it_fits(self.planner.store, self.device)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        if self.run.optimizer.clip:  # Lightning's own clipping refuses fused optimisers under autocast
            torch.nn.utils.clip_grad_norm_(self.trained.parameters(), self.run.optimizer.clip)

    def transfer_batch_to_device(self, batch: Plan, device: torch.device, dataloader_idx: int) -> Plan:
        return batch  # a few numbers, of which `loss` moves what it needs

    def lr_override(self) -> tuple[nn.Module, float] | None:
        """Returns a part of `trained` and its own learning rate; None if all parts have the same."""
        return None

    def configure_optimizers(self) -> Any:
        optimizer = build_optimizer(self.trained, self.run.optimizer, lr_override=self.lr_override())
        schedule = build_schedule(optimizer, self.run.steps, self.run.optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> DataLoader:
        fetch = self.device.type != "cpu" and self.planner.store.pixels.device.type == "cpu"
        start = self.global_step * self.run.accumulation
        batches = PlannedBatches(self.planner, start, self.run.steps * self.run.accumulation, fetch)
        workers = self.run.workers if fetch else 0
        return DataLoader(
            batches,
            batch_size=None,
            num_workers=workers,
            pin_memory=fetch,
            multiprocessing_context="spawn" if workers else None,
            prefetch_factor=4 if workers else None,
        )

    @property
    def train_seconds(self) -> float:
        """The time of training so far in seconds, in all processes of the run."""
        return self.earlier_seconds + time.perf_counter() - self._started

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["train_seconds"] = self.train_seconds
        checkpoint["generators"] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            checkpoint["generators"]["cuda"] = torch.cuda.get_rng_state(self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # in older checkpoints the moving average is called `average`
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {re.sub("^average[.]", "ema.", name): value for name, value in state.items()}
        self._generators = checkpoint["generators"]
        self.earlier_seconds = checkpoint["train_seconds"]

    def on_train_start(self) -> None:
        self._started = time.perf_counter()
        generators = getattr(self, "_generators", {})
        if "cpu" in generators:
            torch.set_rng_state(generators["cpu"].cpu())
        if "cuda" in generators and self.device.type == "cuda":
            torch.cuda.set_rng_state(generators["cuda"].cpu(), self.device)
