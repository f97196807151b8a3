"""Pretraining run that is interrupted every few steps to time another implementation in turn."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from pretrain.config import GROUPS, SHORTHANDS, PretrainConfig
from pretrain.module import Pretraining
from pretrain.monitoring import PretrainLog
from pretrain.run import build
from pretrain.train import RECIPES
from shared.command import load_config
from shared.training.fit import build_trainer, fit, quiet_libraries
from shared.training.progress import SpeedMonitor
from tests.bench.image_folder import write_images
from tests.bench.measuring import Settings, seconds_for, synchronise

TINY = ("encoder=dasr", "views=2x32", "batch_size=4", "data=folder", "log_every=1")


def recipe_config(settings: Settings, recipe: str, *overrides: str) -> PretrainConfig:
    """Loads a recipe for the device to measure, with small sizes if `settings.tiny`."""
    arguments = [f"--config-name={recipe}", *overrides]
    if settings.tiny:
        folder = settings.scratch / "few_images"
        if not folder.exists():
            write_images(folder, 12, 96)
        arguments += [*TINY, f"data.root={folder}", f"data.cache_dir={settings.scratch / 'cache'}"]
    accelerator = "gpu" if settings.device.type == "cuda" else "cpu"
    arguments += [f"accelerator={accelerator}", f"runs_dir={settings.scratch / 'runs'}", "name=bench"]
    _, config = load_config(PretrainConfig, RECIPES, arguments, groups=GROUPS, shorthands=SHORTHANDS)
    config.check()
    config.precision = settings.precision
    return config


class AlternatingTimer(pl.Callback):
    """Timer of chunks of training steps and, after each, of the same number of other steps.

    Args:
        other_step: Function that runs one step of the other implementation.
        settings: Settings with the device.
        chunk: Number of steps per timing.
        warmup: Number of steps of both before the first timing.

    Attributes:
        pairs: Seconds per (training, other) step, one pair per repetition.
        waits: Fraction of each chunk of training steps (0..1) spent waiting for the loader and gathering pixels.
    """

    def __init__(self, other_step: Callable[[], object], settings: Settings, chunk: int, warmup: int) -> None:
        self.other_step, self.device, self.chunk, self.warmup = other_step, settings.device, chunk, warmup
        self.pairs: list[tuple[float, float]] = []
        self.waits: list[float] = []
        self._done = 0
        self._waited = self._start = self._ended = self._fetched_before = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Pretraining)
        self._waited += time.perf_counter() - self._ended
        self._fetched_before = pl_module.fetch_seconds

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Pretraining)
        self._waited += pl_module.fetch_seconds - self._fetched_before
        self._done += 1
        timed = self._done - self.warmup
        if timed == 0:
            seconds_for(self.other_step, self.warmup, self.device)
            self._restart()
        elif timed > 0 and timed % self.chunk == 0:
            synchronise(self.device)
            seconds = time.perf_counter() - self._start
            self.pairs.append((seconds / self.chunk, seconds_for(self.other_step, self.chunk, self.device)))
            self.waits.append(self._waited / seconds)
            self._restart()
        self._ended = time.perf_counter()

    def _restart(self) -> None:
        self._waited, self._start = 0.0, time.perf_counter()


def run_in_turn(
    config: PretrainConfig,
    settings: Settings,
    build_other_step: Callable[[Pretraining], Callable[[], object]],
    *,
    chunk: int,
    warmup: int,
) -> tuple[AlternatingTimer, float]:
    """Trains with logs, schedules and checkpoints, and times another implementation in turn.

    Args:
        config: Options of the run; its number of steps is set here.
        settings: Settings with the device and the number of repetitions.
        build_other_step: Function that builds the other step for the module of the run.
        chunk: Number of steps per timing.
        warmup: Number of steps before the first timing.

    Returns:
        The timer with its results, and the seconds to save one checkpoint.
    """
    quiet_libraries()
    config.steps = warmup + chunk * settings.repetitions
    config.checkpoint_every = config.steps  # saved after the last timing
    module, _, _ = build(config)
    timer = AlternatingTimer(build_other_step(module), settings, chunk, warmup)
    speed = SpeedMonitor(config.batch_size * module.planner.views)
    folder = settings.scratch / f"{config.method_name}-{time.monotonic_ns()}"
    trainer = build_trainer(config, folder, [speed, PretrainLog(speed, None), timer])
    fit(trainer, module, None)
    return timer, _time_saving(trainer, folder / "again.ckpt")


def _time_saving(trainer: pl.Trainer, path: Path) -> float:
    start = time.perf_counter()
    trainer.save_checkpoint(path)
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    path.unlink()
    return time.perf_counter() - start
