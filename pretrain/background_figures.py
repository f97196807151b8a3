"""Figures of the embedding in the TensorBoard of a training run, drawn by a second process during the training."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from pretrain.module import Pretraining
from shared.artefacts import save_encoder
from shared.command import to_plain
from shared.degradations import Space

SCALE_1_PROBE = "grid"  # probe of `analysis` with every kind of degradation, without down-sampling
PATCHES = 1000
MAP = "umap"

logger = logging.getLogger(__name__)


class BackgroundFigures(pl.Callback):
    """Callback that saves the encoder every `figures_every` steps and starts `python -m analysis.snapshot` on it.

    At most one such process runs at a time, on the CPU, for half a minute or so. Weights, random generators and data of
    the training are not affected.

    Args:
        folder: Folder of the training run.
        space: Degradation space of the training; its own probe list is drawn if it down-samples.
    """

    def __init__(self, folder: Path, space: Space) -> None:
        self.folder = folder
        self.probe = SCALE_1_PROBE if space.scale == 1 else space.probe or space.name
        self._running: subprocess.Popen[bytes] | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Pretraining)
        step, config = trainer.global_step, pl_module.config
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not (config.figures_every and whole_step and step % config.figures_every == 0 and trainer.is_global_zero):
            return
        if self._running is not None and self._running.poll() is None:
            logger.warning("step %d: no figures, those of an earlier step are still being drawn", step)
            return
        self._warn_of_failure()
        encoder = self.folder / f".snapshot-{step}"
        save_encoder(encoder, pl_module.export_module, card="", metadata={"degradation": config.degradation})
        options = {
            "log": self.folder / "tensorboard",
            "step": step,
            "probe": self.probe,
            "patch": config.views.sizes()[0].patch,
            "size": PATCHES,
            "map": MAP,
            "seed": config.seed,
            "accelerator": "cpu",
        }
        options |= {f"data.{key}": value for key, value in to_plain(config.data).items() if value is not None}
        command = [sys.executable, "-m", "analysis.snapshot", str(encoder)]
        command += [f"{key}={value}" for key, value in options.items()]
        with open(self.folder / "figures.log", "wb") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._running is not None:
            self._running.wait()
            self._warn_of_failure()

    def _warn_of_failure(self) -> None:
        if self._running is not None and self._running.returncode:
            lines = (self.folder / "figures.log").read_text(errors="replace").strip().splitlines()
            logger.warning("figures could not be drawn: %s", lines[-1] if lines else "no output")
        self._running = None
