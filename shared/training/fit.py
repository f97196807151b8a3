"""Build Lightning's trainer from a run's settings, resume, and fit."""

import logging
import os
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.strategies import DDPStrategy, Strategy

from shared.training.allocator import keep_freed_memory
from shared.training.checkpointing import DirectCheckpointIO, LastCheckpoint, check_readable
from shared.training.guards import FiniteLoss
from shared.training.planned_module import PlannedTraining
from shared.training.progress import Speed
from shared.training.run_config import RunConfig

LIGHTNING_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed"}


def quiet_libraries() -> None:
    """Silence what Lightning says to developers of training loops, not to users of this program."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
    warnings.filterwarnings("ignore", message=".*(LeafSpec|isinstance\\(treespec).*")


def world_size(run: RunConfig) -> int:
    """Processes over all nodes."""
    return run.devices * run.nodes


def is_first_process() -> bool:
    """Whether this process is rank 0 of the run, as Lightning, torchrun or SLURM started it."""
    if "RANK" in os.environ:
        return os.environ["RANK"] == "0"
    if "LOCAL_RANK" in os.environ:
        return os.environ["LOCAL_RANK"] == "0" and os.environ.get("NODE_RANK", "0") == "0"
    if "SLURM_NTASKS" in os.environ:
        return os.environ.get("SLURM_PROCID", "0") == "0"
    return os.environ.get("NODE_RANK", "0") == "0"


def check_devices(run: RunConfig) -> None:
    """Refuse devices that this machine does not have.

    Raises:
        ValueError: says what there is.
    """
    there = torch.cuda.device_count()
    if run.accelerator == "gpu" and there < run.devices:
        raise ValueError(f"accelerator=gpu devices={run.devices}: this machine has {there} CUDA device(s)")
    if run.accelerator == "auto" and world_size(run) > 1 and there < run.devices:
        raise ValueError(
            f"devices={run.devices}: this machine has {there} CUDA device(s); accelerator=cpu takes processes instead"
        )
    if run.sync_batchnorm and (run.accelerator == "cpu" or not there):
        raise ValueError("sync_batchnorm=true works on GPUs alone, and there is none: leave it off")


def build_trainer(
    run: RunConfig, folder: Path | None, callbacks: list[pl.Callback], *, resumed_step: int = 0
) -> pl.Trainer:
    """The trainer of a run.

    Args:
        run: settings.
        folder: of the run, for events and `last.ckpt`; None keeps nothing.
        callbacks: in order; the guard comes before them, the checkpoint after.
        resumed_step: events after this step, of a killed process, are dropped from the curve.
    """
    if folder is not None:
        guard = FiniteLoss(folder / "last.ckpt", run.log_every)
        callbacks = [guard, *callbacks, LastCheckpoint(folder / "last.ckpt", run.checkpoint_every)]
    # Speed last: what the others take at the end of a step is not time spent waiting for data.
    callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, Speed))
    return pl.Trainer(
        accelerator=run.accelerator,
        devices=run.devices,
        num_nodes=run.nodes,
        strategy=_strategy(run),
        precision=LIGHTNING_PRECISION[run.precision],  # type: ignore[arg-type]
        max_steps=run.steps,
        max_epochs=-1,
        accumulate_grad_batches=run.accumulation,
        callbacks=callbacks,
        plugins=[DirectCheckpointIO()],
        logger=_logger(folder, resumed_step) if folder is not None else False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _strategy(run: RunConfig) -> Strategy | str:
    if world_size(run) == 1:
        return "auto"
    # Buffers stay each rank's own: queues are equal by gathering, and broadcasting would overwrite them every step.
    on_gpu = run.accelerator != "cpu" and torch.cuda.is_available()
    return DDPStrategy(broadcast_buffers=False, process_group_backend="nccl" if on_gpu else "gloo")


def _logger(folder: Path, resumed_step: int) -> TensorBoardLogger:
    return TensorBoardLogger(
        save_dir=str(folder), name="", version="tensorboard", default_hp_metric=False,
        purge_step=resumed_step + 1,
    )  # fmt: skip


def checkpoint_step(path: Path) -> int:
    """Optimiser step of a checkpoint; 0 where there is none.

    Raises:
        ValueError: the checkpoint is corrupt.
    """
    if not path.is_file():
        return 0
    check_readable(path)
    return int(torch.load(path, map_location="cpu", weights_only=True, mmap=True)["global_step"])


def fit(trainer: pl.Trainer, module: PlannedTraining, checkpoint: Path | None) -> bool:
    """Train from the checkpoint where there is one, else from the start; False when the user stopped it."""
    resume = checkpoint if checkpoint is not None and checkpoint.is_file() else None
    if module.run.sync_batchnorm:
        from timm.layers import convert_sync_batchnorm  # torch's own drops the activation in timm's fused norms

        module.trained = convert_sync_batchnorm(module.trained)
    if trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    try:
        trainer.fit(module, ckpt_path=resume, weights_only=True if resume else None)
    except SystemExit:  # how Lightning leaves after Ctrl-C
        return False
    return not trainer.interrupted
