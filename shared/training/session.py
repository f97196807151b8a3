"""One training run in its folder, the same for both stages: checked, claimed, resumed, trained, finished."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from shared.command import to_plain
from shared.data import ImageStore, compute_checksum
from shared.degradations import Space
from shared.devices import resolve_precision, select_device
from shared.run_folders import RunFolder, check_free_space
from shared.training.fit import build_trainer, check_devices, checkpoint_step, fit, is_first_process, quiet_libraries
from shared.training.planned_module import PlannedTraining
from shared.training.run_config import RunConfig

DRY_RUN_STEPS = 2


@dataclass(frozen=True)
class Prepared:
    """What a stage brings to a run.

    Attributes:
        module: what is trained.
        callbacks: in order.
        inputs: what a resumed run must find unchanged beside its configuration, see `inputs_of`.
        finish: saves the artefact after so many seconds of training; gives the metrics and what to print.
        described: rows of a dry run's table.
    """

    module: PlannedTraining
    callbacks: list[pl.Callback]
    inputs: dict[str, object]
    finish: Callable[[float], tuple[dict[str, Any], str]]
    described: list[tuple[str, str]]


def run_session(config: RunConfig, stage: str, artefact: str, prepare: Callable[[Path], Prepared]) -> int:
    """Train, or go on, or say that it is done.

    Args:
        config: checked.
        stage: folder under `runs_dir`.
        artefact: name of the folder that the run leaves for the next stage.
        prepare: builds everything, the same from the same seed, for a run in this folder.

    Returns:
        The exit status.

    Raises:
        ValueError: something does not fit, in one sentence, before training starts.
    """
    quiet_libraries()
    folder = RunFolder(config.runs_dir, stage, config.name)
    check_devices(config)
    config.precision = _precision(config, folder)
    if config.dry_run:
        folder.check(to_plain(config))
        return _dry_run(config, folder.path, prepare)
    first = is_first_process()  # of a distributed run: it keeps the folder; all refuse or leave together
    with folder.lock() if first else nullcontext():
        folder.check(to_plain(config))
        if folder.is_finished:
            if first:
                left = folder.path / artefact
                print(f"{folder.path} is finished: its {artefact} is {left}; give another name= for a new run")
            return 0
        return _train(config, folder, prepare(folder.path))


def _precision(config: RunConfig, folder: RunFolder) -> str:
    """With nothing left open; a run that goes on keeps the one it was started with."""
    started_with = str(folder.load_config().get("precision", "auto"))
    chosen = started_with if config.precision == "auto" else config.precision
    return resolve_precision(chosen, select_device(config.accelerator))


def _train(config: RunConfig, folder: RunFolder, prepared: Prepared) -> int:
    module = prepared.module
    checkpoints = 1 if folder.checkpoint.exists() else 2  # the old one stays until the new one is whole
    check_free_space(folder.path, checkpoints * checkpoint_bytes(module))
    resumed = checkpoint_step(folder.checkpoint)
    if is_first_process():
        folder.claim(to_plain(config) | {"inputs": prepared.inputs})
    trainer = build_trainer(config, folder.path, prepared.callbacks, resumed_step=resumed)
    if resumed and trainer.is_global_zero:
        print(f"{folder.path}: going on from step {resumed} of {config.steps}")
    if not fit(trainer, module, folder.checkpoint):
        print(f"stopped at step {trainer.global_step}; the same command goes on from the last checkpoint")
        return 130
    if trainer.is_global_zero:
        seconds = round(module.train_seconds, 1)
        module.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU
        metrics, text = prepared.finish(seconds)
        folder.finish(metrics | {"train_seconds": seconds, "steps": config.steps})
        print(text)
    return 0


def inputs_of(space: Space, training: ImageStore, held_out: ImageStore) -> dict[str, object]:
    """What a resumed run must find unchanged: the space's text and the images' pixels."""
    return {"space": space.definition, "training_images": _summary(training), "held_out_images": _summary(held_out)}


def _summary(store: ImageStore) -> str:
    pixels = compute_checksum(store.file) if store.file else 0
    described = json.dumps([store.names, store.heights.tolist(), store.widths.tolist(), pixels])
    return f"{len(store)} images, {hashlib.sha256(described.encode()).hexdigest()[:12]}"


def checkpoint_bytes(module: PlannedTraining) -> int:
    """Size of `last.ckpt`: weights and buffers once, two moments per trained weight."""
    stored = sum(t.numel() * t.element_size() for t in module.state_dict().values())
    trained = sum(p.numel() * p.element_size() for p in module.parameters() if p.requires_grad)
    return stored + 2 * trained


def _dry_run(config: RunConfig, folder: Path, prepare: Callable[[Path], Prepared]) -> int:
    """Two real steps, then what the full run will cost."""
    steps, config.steps = config.steps, DRY_RUN_STEPS
    prepared = prepare(folder)
    size = checkpoint_bytes(prepared.module)
    check_free_space(folder, 2 * size)
    times: list[float] = []
    trainer = build_trainer(config, None, [_StepTimes(times)])
    if not fit(trainer, prepared.module, None):
        return 130
    if not is_first_process():
        return 0
    per_step = times[-1]
    rows = [
        *prepared.described,
        ("step", f"{per_step:.2f} s (the second of two)"),
        ("full run", f"{steps} steps, about {per_step * steps / 60:.0f} min on this machine, then the scores"),
        ("checkpoint", f"{size / 1e6:.0f} MB in {folder}"),
    ]
    print("dry run: everything fits\n" + "\n".join(f"  {name:12s}{text}" for name, text in rows))
    return 0


class _StepTimes(pl.Callback):
    def __init__(self, times: list[float]) -> None:
        self.times = times
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
            self.times.append(time.perf_counter() - self._start)
