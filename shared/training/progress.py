"""The progress bar of a run, and the measurement of its speed."""

import time
from typing import Any

import pytorch_lightning as pl

from shared.progress_bar import ProgressBar
from shared.training.planned_module import PlannedTraining


class SpeedMonitor(pl.Callback):
    """Measures patches/s and the share of the time that is spent on waiting for data.

    Args:
        patches_per_step: Number of views of all sizes per micro-batch on this device.
    """

    def __init__(self, patches_per_step: int) -> None:
        self.patches_per_step = patches_per_step
        self._start = self._batch_end = self._wait_seconds = self._fetch_seconds_at_start = 0.0
        self._batches = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._batch_end = time.perf_counter()
        assert isinstance(pl_module, PlannedTraining)
        self._restart(self._batch_end, pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._wait_seconds += time.perf_counter() - self._batch_end
        self._batches += 1  # at the start, so that `read` at the end of a batch counts that batch

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._batch_end = time.perf_counter()

    def exclude(self, seconds: float) -> None:
        """Excludes time that was spent on something else, such as probes."""
        self._start += seconds

    def read(self, module: PlannedTraining) -> dict[str, float]:
        """Returns patches/s and the share (0..1) of waiting for data since the last call."""
        now = time.perf_counter()
        seconds = max(now - self._start, 1e-9)
        wait_seconds = self._wait_seconds + module.fetch_seconds - self._fetch_seconds_at_start
        result = {
            "patches_per_second": self._batches * self.patches_per_step * module.trainer.world_size / seconds,
            "data_wait_share": min(1.0, wait_seconds / seconds),
        }
        self._restart(now, module)
        return result

    def _restart(self, now: float, module: PlannedTraining) -> None:
        self._start, self._batches, self._wait_seconds = now, 0, 0.0
        self._fetch_seconds_at_start = module.fetch_seconds


class RunProgress(pl.Callback):
    """Shows one line with steps, steps/s, patches/s, remaining time and the loss, on the first rank only.

    Args:
        views_per_row: Number of views per degradation, which converts rows to patches.
    """

    def __init__(self, views_per_row: int) -> None:
        self.views_per_row = views_per_row
        self._bar: ProgressBar | None = None
        self._start = (0.0, 0)  # time and optimiser step

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self._bar = ProgressBar(
                total=trainer.max_steps,
                initial=trainer.global_step,
                unit="step",
                desc="train",
                smoothing=0.05,
                mininterval=0.5,
            )
            self._start = (time.perf_counter(), trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None or trainer.global_step == self._bar.n:
            return
        if trainer.global_step % 5 == 0 and isinstance(pl_module, PlannedTraining) and pl_module.last_loss is not None:
            start, first_step = self._start
            patches_per_step = pl_module.run.batch_size * self.views_per_row
            speed = (trainer.global_step - first_step) * patches_per_step / (time.perf_counter() - start)
            self._bar.set_postfix_str(f"{speed:.0f} patches/s, loss {float(pl_module.last_loss):.3f}", refresh=False)
        self._bar.update(trainer.global_step - self._bar.n)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.on_train_end(trainer, pl_module)
