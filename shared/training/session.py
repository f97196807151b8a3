"""The course of a training run in both stages: checks, folder, resuming, training, results."""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger

from shared.command import to_plain
from shared.data import ImageStore, compute_checksum
from shared.degradations import Space
from shared.devices import describe_device, resolve_precision, select_device
from shared.run_folders import RunFolder, check_free_space
from shared.training.fit import (
    build_trainer,
    check_devices,
    fit,
    is_first_process,
    quiet_libraries,
    read_checkpoint_step,
)
from shared.training.hparams import write_hparams
from shared.training.planned_module import PlannedTraining
from shared.training.run_config import RunConfig

DRY_RUN_STEPS = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedRun:
    """Everything that a stage prepares for a run.

    Attributes:
        module: Module to train.
        callbacks: Callbacks in order.
        inputs: Description of the inputs that must not change when the run is resumed, see `describe_inputs`.
        finish: Function that saves the artefact, given the seconds of training, and returns the metrics and a text to
            print.
        summary: Titles and texts for the table of a dry run.
        warnings: Sentences about options that are valid but unlikely to be meant, logged before the training.
    """

    module: PlannedTraining
    callbacks: list[pl.Callback]
    inputs: dict[str, object]
    finish: Callable[[float], tuple[dict[str, Any], str]]
    summary: list[tuple[str, str]]
    warnings: list[str]


def run_session(config: RunConfig, stage: str, artefact: str, prepare: Callable[[Path], PreparedRun]) -> int:
    """Starts or resumes a run, or reports that it is finished.

    Args:
        config: Options of the run, already checked.
        stage: Name of the folder under `runs_dir`.
        artefact: Name of the artefact's folder in the run's folder.
        prepare: Function that builds everything for a run in this folder, always the same for the same seed.

    Returns:
        The exit status.

    Raises:
        ValueError: The options, the folder or the machine do not allow the run.
    """
    quiet_libraries()
    folder = RunFolder(config.runs_dir, stage, config.name)
    check_devices(config)
    config.precision = _choose_precision(config, folder)
    if config.dry_run:
        folder.check(to_plain(config))
        return _dry_run(config, folder.path, prepare)
    is_first = is_first_process()  # of a distributed run: it alone locks the folder, all check it
    with folder.lock() if is_first else nullcontext():
        folder.check(to_plain(config))
        if folder.is_finished:
            if is_first:
                path = folder.path / artefact
                print(f"{folder.path} is finished: its {artefact} is {path}; give another name= for a new run")
            return 0
        return _train(config, folder, prepare(folder.path))


def _choose_precision(config: RunConfig, folder: RunFolder) -> str:
    """Resolves the precision; with `auto`, a resumed run keeps the one with which it was started."""
    stored = str(folder.load_config().get("precision", "auto"))
    precision = stored if config.precision == "auto" else config.precision
    return resolve_precision(precision, select_device(config.accelerator))


def _train(config: RunConfig, folder: RunFolder, prepared: PreparedRun) -> int:
    module = prepared.module
    checkpoints = 1 if folder.checkpoint.exists() else 2  # the old one stays until the new one is complete
    check_free_space(folder.path, checkpoints * estimate_checkpoint_bytes(module))
    resumed_step = read_checkpoint_step(folder.checkpoint)
    if is_first_process():
        folder.claim(to_plain(config) | {"inputs": prepared.inputs})
        _log_warnings(prepared)
    trainer = build_trainer(config, folder.path, prepared.callbacks, resumed_step=resumed_step)
    if resumed_step and trainer.is_global_zero:
        print(f"{folder.path}: continuing from step {resumed_step} of {config.steps}")
    if not fit(trainer, module, folder.checkpoint):
        print(f"stopped at step {trainer.global_step}; the same command continues from the last checkpoint")
        return 130
    if trainer.is_global_zero:
        seconds = round(module.train_seconds, 1)
        module.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU
        metrics, text = prepared.finish(seconds)
        if isinstance(trainer.logger, TensorBoardLogger):
            own = next(iter(metrics["scores"].values()))  # the others are controls
            write_hparams(trainer.logger.experiment, to_plain(config), own, config.steps)
        device = describe_device(trainer.strategy.root_device)
        folder.finish(metrics | {"train_seconds": seconds, "steps": config.steps, "device": device})
        print(text)
    return 0


def describe_inputs(space: Space, training: ImageStore, held_out: ImageStore) -> dict[str, object]:
    """Describes the inputs that must not change when a run is resumed: the space and the pixels of all images."""
    return {
        "space": space.definition,
        "training_images": _describe_images(training),
        "held_out_images": _describe_images(held_out),
    }


def _describe_images(store: ImageStore) -> str:
    pixels = compute_checksum(store.file) if store.file else 0
    description = json.dumps([store.names, store.heights.tolist(), store.widths.tolist(), pixels])
    return f"{len(store)} images, {hashlib.sha256(description.encode()).hexdigest()[:12]}"


def estimate_checkpoint_bytes(module: PlannedTraining) -> int:
    """Estimates the size of `last.ckpt`: weights and buffers, and two moments per trained weight."""
    state = sum(t.numel() * t.element_size() for t in module.state_dict().values())
    trained = sum(p.numel() * p.element_size() for p in module.parameters() if p.requires_grad)
    return state + 2 * trained


def _log_warnings(prepared: PreparedRun) -> None:
    for warning in prepared.warnings:
        logger.warning("%s", warning)


def _dry_run(config: RunConfig, folder: Path, prepare: Callable[[Path], PreparedRun]) -> int:
    """Runs two steps and prints the cost of the full run."""
    prepared = prepare(folder)
    steps, config.steps = config.steps, DRY_RUN_STEPS
    if is_first_process():
        _log_warnings(prepared)
    size = estimate_checkpoint_bytes(prepared.module)
    check_free_space(folder, 2 * size)
    timer = _StepTimer()
    trainer = build_trainer(config, None, [timer])
    if not fit(trainer, prepared.module, None):
        return 130
    if not is_first_process():
        return 0
    seconds = timer.seconds[-1]
    rows = [
        *prepared.summary,
        ("step", f"{seconds:.2f} s (the second of two)"),
        ("full run", f"{steps} steps, about {seconds * steps / 60:.0f} min on this machine, then the scores"),
        ("checkpoint", f"{size / 1e6:.0f} MB in {folder}"),
    ]
    print("dry run: everything fits\n" + "\n".join(f"  {name:12s}{text}" for name, text in rows))
    return 0


class _StepTimer(pl.Callback):
    """Measures the seconds of each optimiser step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._start = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self._start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.seconds.append(time.perf_counter() - self._start)
