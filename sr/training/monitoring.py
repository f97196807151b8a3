"""The TensorBoard log of an SR run."""

import time
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor
from torch.nn.functional import interpolate

from shared.images import upsample_bicubic
from shared.training.progress import SpeedMonitor
from sr.training.module import SRTraining
from sr.training.validation import ValidationSet, score_model

PANEL_ROWS = 6
GAP = 2  # pixels of white on each side of an image
HEADER = 18  # pixels above them
COLUMNS = ("LR", "SR", "HR", "bicubic")


class SRLog(pl.Callback):
    """A callback that logs losses, learning rate, speed, scores on held-out images, and panels of patches.

    Args:
        speed: The callback that measures the speed.
        images: The held-out images.
    """

    def __init__(self, speed: SpeedMonitor, images: ValidationSet) -> None:
        self.speed, self.images = speed, images

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, SRTraining)
        step, config = trainer.global_step, pl_module.config
        if not trainer.is_global_zero or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        board = trainer.logger
        if not isinstance(board, TensorBoardLogger):
            return
        if step == 1 or step % config.log_every == 0:
            board.log_metrics(self._collect_scalars(pl_module), step)
        started = time.perf_counter()
        if step == 1 or (config.panel_every and step % config.panel_every == 0) or step == config.steps:
            self._write_panel(board, pl_module, step)
        every = config.validation_interval
        if every and step % every == 0 and step < config.steps:
            scores = score_model(
                pl_module.export_module, self.images, bf16=config.precision == "bf16", device=pl_module.device
            )
            means = {"validation/psnr_y": float(scores.psnr.mean()), "validation/ssim_y": float(scores.ssim.mean())}
            board.log_metrics(means, step)
        self.speed.exclude(time.perf_counter() - started)

    def _collect_scalars(self, module: SRTraining) -> dict[str, float]:
        values = {f"train/{name}": float(value) for name, value in module.last_logs.items()}
        values["schedule/lr"] = module.last_lr
        return values | {f"speed/{name}": value for name, value in self.speed.read(module).items()}

    def _write_panel(self, board: TensorBoardLogger, module: SRTraining, step: int) -> None:
        if module.last_images is None or module.last_plan is None:
            return
        rows = min(PANEL_ROWS, len(module.last_images[0]))
        board.experiment.add_image("patches", draw_panel(module.last_images, rows), step)
        words = [f"row {i}: {text}" for i, text in enumerate(module.last_plan.degradation[:rows].describe(), 1)]
        board.experiment.add_text("degradations", "\n\n".join(words), step)


def draw_panel(images: tuple[Tensor, Tensor, Tensor], rows: int) -> Tensor:
    """Draws LR (nearest neighbour), SR, HR and bicubic patches side by side, one row each, under their names.

    Args:
        images: LR, SR and HR patches, (B, 3, h, w) in [0, 1].
        rows: Number of patches.

    Returns:
        The picture, (3, H, W) uint8.
    """
    lr_image, sr_image, hr_image = (each[:rows].float().cpu() for each in images)
    scale = hr_image.shape[-1] // lr_image.shape[-1]
    columns = (interpolate(lr_image, scale_factor=scale), sr_image, hr_image, upsample_bicubic(lr_image, scale))
    padded = [torch.nn.functional.pad(each.clamp(0, 1), (GAP,) * 4, value=1.0) for each in columns]
    picture = torch.cat(padded, -1).permute(1, 0, 2, 3).flatten(1, 2)  # (3, rows * H, 4 * W)
    header = np.full((HEADER, picture.shape[-1], 3), 255, np.uint8)
    for column, name in enumerate(COLUMNS):
        place = (column * picture.shape[-1] // len(COLUMNS) + GAP, HEADER - 5)
        cv2.putText(header, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    drawn = picture.mul(255).round().to(torch.uint8)
    return torch.cat((torch.from_numpy(header).permute(2, 0, 1), drawn), 1)
