"""A training step in the precision of runs, channels-last and compiled against plain fp32, for the record."""

import shutil
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from shared.encoders import build_encoder
from tests.bench.measuring import Row, Settings, speed_row, timed_in_turn
from tests.bench.real_run import recipe_config


def measure(settings: Settings) -> list[Row]:
    """Without and with `torch.compile`, forward and backward of one step's views."""
    config = recipe_config(settings, "quick")
    size = config.views.sizes()[0]
    batch = config.batch_size * size.count
    plain = _step(settings, batch, size.patch, fast=False, compiled=False)
    what = f"{config.encoder.name}, {batch} x {size.patch} px, fp32 to {settings.precision} + channels-last"
    fast = _step(settings, batch, size.patch, fast=True, compiled=False)
    rows = [speed_row(what, timed_in_turn(fast, plain, settings), None, batch, "patches")]
    if not settings.compile:
        return [*rows, Row(f"{what} + compile: left out by --no-compile", (float("nan"),))]
    if settings.device.type == "cpu" and shutil.which("g++") is None and shutil.which("clang++") is None:
        return [*rows, Row(f"{what} + compile: left out, no C++ compiler", (float("nan"),))]
    compiled = _step(settings, batch, size.patch, fast=True, compiled=True)
    return [*rows, speed_row(f"{what} + compile", timed_in_turn(compiled, plain, settings), None, batch, "patches")]


def _step(settings: Settings, batch: int, patch: int, *, fast: bool, compiled: bool) -> Callable[[], object]:
    torch.manual_seed(0)
    encoder = build_encoder(recipe_config(settings, "quick").encoder).to(settings.device)
    if fast:
        encoder = encoder.to(memory_format=torch.channels_last)
    if compiled:
        encoder.compile()
    images = torch.rand(batch, 3, patch, patch, device=settings.device)

    def vectors() -> Tensor:
        if fast:
            return encoder(images).vector
        return encoder.backbone(encoder.front_end(images))[-1].mean(dim=(2, 3))  # `Encoder` changes the layout

    def step() -> None:
        with settings.autocast() if fast else nullcontext():
            loss = vectors().float().square().mean()
        loss.backward()
        encoder.zero_grad(set_to_none=True)

    return step
