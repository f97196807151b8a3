"""Build Lightning's trainer from a run's settings, resume, and fit."""

import logging
import os
import warnings
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.strategies import DDPStrategy, Strategy

from shared.training.checkpointing import LastCheckpoint, check_readable
from shared.training.guards import FiniteLoss
from shared.training.planned_module import PlannedTraining
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
    ranks = ("RANK", "SLURM_PROCID") if "SLURM_NTASKS" in os.environ else ("RANK",)
    global_rank = next((os.environ[name] for name in ranks if name in os.environ), None)
    if global_rank is None:
        return os.environ.get("NODE_RANK", "0") == "0" and os.environ.get("LOCAL_RANK", "0") == "0"
    return global_rank == "0"


def build_trainer(
    run: RunConfig, folder: Path | None, callbacks: list[pl.Callback], *, resumed_step: int = 0
) -> pl.Trainer:
    """The trainer of a run.

    Args:
        run: settings.
        folder: of the run, for events and `last.ckpt`; None keeps nothing.
        callbacks: in order; the guard and the checkpoint come after them.
        resumed_step: events after this step, of a killed process, are dropped from the curve.
    """
    last: list[pl.Callback] = []
    if folder is not None:
        last = [FiniteLoss(folder / "last.ckpt"), LastCheckpoint(folder / "last.ckpt", run.checkpoint_every)]
    return pl.Trainer(
        accelerator=run.accelerator,
        devices=run.devices,
        num_nodes=run.nodes,
        strategy=_strategy(run),
        precision=LIGHTNING_PRECISION[run.precision],  # type: ignore[arg-type]
        max_steps=run.steps,
        max_epochs=-1,
        accumulate_grad_batches=run.accumulation,
        gradient_clip_val=run.optimizer.clip or None,
        sync_batchnorm=run.sync_batchnorm,
        callbacks=[*callbacks, *last],
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
        purge_step=resumed_step + 1 if resumed_step else None,
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


def fit(trainer: pl.Trainer, module: PlannedTraining, checkpoint: Path | None) -> None:
    """Train from the checkpoint where there is one, else from the start."""
    resume = checkpoint if checkpoint is not None and checkpoint.is_file() else None
    trainer.fit(module, ckpt_path=resume, weights_only=True if resume else None)
