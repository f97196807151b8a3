"""Lightning's trainer for a run: built from its options, resumed from its checkpoint."""

import logging
import os
import re
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
from shared.training.progress import SpeedMonitor
from shared.training.run_config import RunConfig

LOST_CONNECTION = re.compile(
    r"connection (?:closed|reset) by|broken pipe|remote process exited|socket closed", re.IGNORECASE
)
AFTER_CTRL_C = 1  # status with which Lightning then ends
LIGHTNING_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed"}


def quiet_libraries() -> None:
    """Silences messages of Lightning that address developers of training loops."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
    warnings.filterwarnings("ignore", message=".*(LeafSpec|isinstance\\(treespec).*")


def world_size(run: RunConfig) -> int:
    """Counts the processes on all nodes."""
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
    """Refuses devices that this machine does not have.

    Raises:
        ValueError: There are fewer devices. The message gives their number.
    """
    available = torch.cuda.device_count()
    if run.accelerator == "gpu" and available < run.devices:
        raise ValueError(f"accelerator=gpu devices={run.devices}: this machine has {available} CUDA device(s)")
    if run.accelerator == "auto" and world_size(run) > 1 and available < run.devices:
        raise ValueError(
            f"devices={run.devices}: this machine has {available} CUDA device(s); accelerator=cpu starts processes "
            "instead"
        )
    if run.sync_batchnorm and (run.accelerator == "cpu" or not available):
        raise ValueError("sync_batchnorm=true needs GPUs, but there are none: remove it")


def build_trainer(
    run: RunConfig, folder: Path | None, callbacks: list[pl.Callback], *, resumed_step: int = 0
) -> pl.Trainer:
    """Builds the trainer of a run.

    Args:
        run: Options of the run.
        folder: Folder for events and `last.ckpt`; None to keep nothing.
        callbacks: Callbacks in order. The guard of the loss precedes them, the checkpoint follows them.
        resumed_step: Optimiser step of the checkpoint. Later events, of a killed process, are removed from the log.
    """
    if folder is not None:
        guard = FiniteLoss(folder / "last.ckpt", run.log_every)
        callbacks = [guard, *callbacks, LastCheckpoint(folder / "last.ckpt", run.checkpoint_every)]
    # the speed is measured last, so that the time of the other callbacks does not count as waiting for data
    callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, SpeedMonitor))
    return pl.Trainer(
        accelerator=run.accelerator,
        devices=run.devices,
        num_nodes=run.nodes,
        strategy=_build_strategy(run),
        precision=LIGHTNING_PRECISION[run.precision],  # type: ignore[arg-type]
        max_steps=run.steps,
        max_epochs=-1,
        accumulate_grad_batches=run.accumulation,
        callbacks=callbacks,
        plugins=[DirectCheckpointIO()],
        logger=_build_logger(folder, resumed_step) if folder is not None else False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _build_strategy(run: RunConfig) -> Strategy | str:
    if world_size(run) == 1:
        return "auto"
    # Every rank keeps its own buffers: queues are equal by gathering, and broadcasts would overwrite them in each step.
    is_on_gpu = run.accelerator != "cpu" and torch.cuda.is_available()
    return DDPStrategy(broadcast_buffers=False, process_group_backend="nccl" if is_on_gpu else "gloo")


def _build_logger(folder: Path, resumed_step: int) -> TensorBoardLogger:
    return TensorBoardLogger(
        save_dir=str(folder),
        name="",
        version="tensorboard",
        default_hp_metric=False,
        purge_step=resumed_step + 1,
    )


def read_checkpoint_step(path: Path) -> int:
    """Reads the optimiser step of a checkpoint; 0 if there is no checkpoint.

    Raises:
        ValueError: The checkpoint is corrupt.
    """
    if not path.is_file():
        return 0
    check_readable(path)
    return int(torch.load(path, map_location="cpu", weights_only=True, mmap=True)["global_step"])


def fit(trainer: pl.Trainer, module: PlannedTraining, checkpoint: Path | None) -> bool:
    """Trains from the checkpoint, or from the start if there is none.

    Args:
        trainer: Trainer of the run.
        module: Module to train.
        checkpoint: Path of the checkpoint; None to start always from the beginning.

    Returns:
        Whether the training has ended; False if the user has stopped it.

    Raises:
        ValueError: Another process of a distributed run has ended.
    """
    resumed = checkpoint if checkpoint is not None and checkpoint.is_file() else None
    if module.run.sync_batchnorm:
        from timm.layers import convert_sync_batchnorm  # torch's own loses the activation in timm's fused norms

        module.trained = convert_sync_batchnorm(module.trained)
    if trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    try:
        trainer.fit(module, ckpt_path=resumed, weights_only=True if resumed else None)
    except SystemExit as end:
        if end.code != AFTER_CTRL_C:  # of the job of a cluster, which is to be queued again
            raise
        return False
    except RuntimeError as error:
        if world_size(module.run) > 1 and LOST_CONNECTION.search(str(error)):
            step = read_checkpoint_step(checkpoint) if checkpoint is not None else 0
            raise ValueError(
                "another process of this run ended, or its machine was lost; the same command continues from step "
                f"{step}"
            ) from error
        raise
    return not trainer.interrupted
