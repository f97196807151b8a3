"""Pictures of the embedding in a run's own TensorBoard, drawn by another process while the training goes on."""

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

FREE_GRID = "grid"  # of the analysis: what is not down-sampled is seen under all its degradations
PATCHES = 1000

logger = logging.getLogger(__name__)


class BackgroundFigures(pl.Callback):
    """Every `figures_every` steps saves the encoder and starts `python -m analysis.snapshot`, one at a time.

    It runs beside the training and takes its share of the processors for half a minute or so. The weights, the
    generators and the data are not touched.

    Args:
        folder: of the run.
        space: that is trained on; its probe list is drawn where it down-samples.
    """

    def __init__(self, folder: Path, space: Space) -> None:
        self.folder = folder
        self.probe = FREE_GRID if space.scale == 1 else space.probe or space.name
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
            logger.warning("step %d: the figures of an earlier step are still being drawn; none for this one", step)
            return
        self._say_failure()
        encoder = self.folder / f".snapshot-{step}"
        save_encoder(encoder, pl_module.export_module, card="", metadata={"degradation": config.degradation})
        data = {key: value for key, value in to_plain(config.data).items() if value is not None}
        command = [
            sys.executable, "-m", "analysis.snapshot", str(encoder), f"log={self.folder / 'tensorboard'}",
            f"step={step}", f"probe={self.probe}", f"patch={config.views.sizes()[0].patch}", f"size={PATCHES}",
            f"seed={config.seed}", "accelerator=cpu",
            *(f"data.{key}={value}" for key, value in data.items()),
        ]  # fmt: skip
        with open(self.folder / "figures.log", "wb") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._running is not None:
            self._running.wait()
            self._say_failure()

    def _say_failure(self) -> None:
        if self._running is not None and self._running.returncode:
            text = (self.folder / "figures.log").read_text(errors="replace").strip().splitlines()
            logger.warning("figures could not be drawn: %s", text[-1] if text else "no word why")
        self._running = None
