"""The progress bar and the speed of a run."""

import time
from typing import Any

import pytorch_lightning as pl
from tqdm.auto import tqdm

from shared.training.planned_module import PlannedTraining


class Speed(pl.Callback):
    """Measures patches/s and the share of the time that a step waits for data, since the last reading.

    Args:
        patches_per_step: views of all sizes per micro-batch on this device.
    """

    def __init__(self, patches_per_step: int) -> None:
        self.patches_per_step = patches_per_step
        self._since = self._ended = self._waited = self._fetched = 0.0
        self._batches = 0

    def _restart(self, now: float, module: PlannedTraining) -> None:
        self._since, self._batches, self._waited, self._fetched = now, 0, 0.0, module.fetch_seconds

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._ended = time.perf_counter()
        assert isinstance(pl_module, PlannedTraining)
        self._restart(self._ended, pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._waited += time.perf_counter() - self._ended
        self._batches += 1  # here, so that a reading at the end of a batch counts that batch

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._ended = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Do not count time that went into something else, such as probes."""
        self._since += seconds

    def read(self, module: PlannedTraining) -> dict[str, float]:
        """patches/s and data-wait share (0..1) since the last call."""
        now = time.perf_counter()
        elapsed = max(now - self._since, 1e-9)
        waited = self._waited + module.fetch_seconds - self._fetched
        result = {
            "patches_per_second": self._batches * self.patches_per_step * module.trainer.world_size / elapsed,
            "data_wait_share": min(1.0, waited / elapsed),
        }
        self._restart(now, module)
        return result


class Bar(pl.Callback):
    """One line with steps, it/s, patches/s, time left and the loss; on the first rank alone.

    Args:
        views_per_row: views of one degradation, to turn steps into patches.
    """

    def __init__(self, views_per_row: int) -> None:
        self.views_per_row = views_per_row
        self._bar: tqdm | None = None
        self._started = (0.0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self._bar = tqdm(
                total=trainer.max_steps, initial=trainer.global_step, unit="it", desc="train", dynamic_ncols=True,
                smoothing=0.05, mininterval=0.5,
            )  # fmt: skip
            self._started = (time.perf_counter(), trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None or trainer.global_step == self._bar.n:
            return
        if trainer.global_step % 5 == 0 and isinstance(pl_module, PlannedTraining) and pl_module.last_loss is not None:
            start, first = self._started
            per_step = pl_module.run.batch_size * self.views_per_row
            speed = (trainer.global_step - first) * per_step / (time.perf_counter() - start)
            self._bar.set_postfix_str(f"{speed:.0f} patches/s, loss {float(pl_module.last_loss):.3f}", refresh=False)
        self._bar.update(trainer.global_step - self._bar.n)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.on_train_end(trainer, pl_module)
