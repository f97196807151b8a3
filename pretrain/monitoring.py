"""TensorBoard logs of a pretraining run, and its warnings."""

import logging
import time
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger

from pretrain.module import Pretraining
from shared.probing import NetworkScorer, scores_to_scalars
from shared.training.monitors import describe_collapse, effective_rank, normalised_std, uniformity
from shared.training.progress import SpeedMonitor

PANEL_ROWS = 6
MAX_PROJECTIONS = 256  # enough for the geometry, few enough for a singular value decomposition

logger = logging.getLogger(__name__)


class PretrainLog(pl.Callback):
    """Writes loss, geometry of the projections, schedules, speed, probe scores and panels; warns of a collapse.

    Args:
        speed: Monitor of the speed, which is logged.
        scorer: Scorer on the run's probe set, for scores during training.
    """

    def __init__(self, speed: SpeedMonitor, scorer: NetworkScorer | None) -> None:
        self.speed = speed
        self.scorer = scorer
        self._has_warned = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Pretraining)
        step, config = trainer.global_step, pl_module.config
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        tensorboard = trainer.logger
        if step == 1 or step % config.log_every == 0:
            values = self._measure(pl_module)
            if tensorboard is not None:
                tensorboard.log_metrics(values, step)
            self._warn_of_collapse(pl_module, step)
        if step == 1 or (config.panel_every and step % config.panel_every == 0):
            self._write_panel(tensorboard, pl_module, step)
        if config.probe_every and step % config.probe_every == 0 and self.scorer is not None and trainer.is_global_zero:
            start = time.perf_counter()
            scores = self.scorer.score(pl_module.export_module, bf16=config.precision == "bf16", repeats=0)
            if tensorboard is not None:
                tensorboard.log_metrics(scores_to_scalars(scores), step)
            self.speed.exclude(time.perf_counter() - start)

    def _measure(self, module: Pretraining) -> dict[str, float]:
        method = module.trained
        projection = method.last_projection[:MAX_PROJECTIONS]
        values = {f"train/{name}": float(value) for name, value in module.last_logs.items()}
        if projection.numel():
            values["projection/std"] = float(normalised_std(projection))
            values["projection/effective_rank"] = float(effective_rank(projection))
            values["projection/uniformity"] = float(uniformity(projection))
        if method.has_target:
            values["schedule/key_momentum"] = method.key_momentum
        values["schedule/lr"] = module.last_lr
        return values | {f"speed/{name}": value for name, value in self.speed.read(module).items()}

    def _warn_of_collapse(self, module: Pretraining, step: int) -> None:
        if self._has_warned or step < max(20, module.config.optimizer.warmup * module.config.steps):
            return
        projection = module.trained.last_projection[:MAX_PROJECTIONS]
        warning = describe_collapse(projection) if len(projection) > 1 else None
        if warning:
            self._has_warned = True
            logger.warning("step %d: %s", step, warning)

    def _write_panel(self, tensorboard: Any, module: Pretraining, step: int) -> None:
        if not isinstance(tensorboard, TensorBoardLogger) or module.last_views is None or module.last_plan is None:
            return
        rows = min(PANEL_ROWS, len(module.last_plan.degradation))
        panel, descriptions = render_panel(module, rows)
        tensorboard.experiment.add_image("views", panel, step)
        tensorboard.experiment.add_text("views", "\n\n".join(descriptions), step)


def render_panel(module: Pretraining, rows: int) -> tuple[np.ndarray, list[str]]:
    """Renders one row of views per degradation, (3, H, W) uint8, and describes the degradation of each row."""
    assert module.last_views is not None
    assert module.last_plan is not None
    columns = []
    tallest = module.last_views.crops[0].shape[-1]
    for crops in module.last_views.crops:
        spare = tallest - crops.shape[-1]
        padded = torch.nn.functional.pad(crops[:rows], (1, 1, 1, 1 + spare), value=1.0)  # (R, V, 3, h, w)
        columns.append(padded.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2))  # (3, R * h, V * w)
    picture = torch.cat(columns, 2).mul(255).round().to(torch.uint8).cpu().numpy()
    descriptions = module.last_plan.degradation[:rows].describe()
    return picture, [f"row {i + 1}: {text}" for i, text in enumerate(descriptions)]
