"""Training step in the precision of runs, channels-last and compiled, against plain fp32; recorded without a bound."""

import shutil
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from shared.encoders import build_encoder
from tests.bench.measuring import Row, Settings, speed_row, time_in_turn
from tests.bench.real_run import recipe_config


def measure(settings: Settings) -> list[Row]:
    """Measures forward and backward pass of the views of one step, without and with `torch.compile`."""
    config = recipe_config(settings, "quick")
    size = config.views.sizes()[0]
    batch = config.batch_size * size.count
    plain = _build_step(settings, batch, size.patch, fast=False, compiled=False)
    what = f"{config.encoder.name}, {batch} x {size.patch} px, fp32 to {settings.precision} + channels-last"
    fast = _build_step(settings, batch, size.patch, fast=True, compiled=False)
    rows = [speed_row(what, time_in_turn(fast, plain, settings), None, batch, "patches")]
    if not settings.compile:
        return [*rows, Row(f"{what} + compile: skipped by --no-compile", (float("nan"),))]
    if settings.device.type == "cpu" and shutil.which("g++") is None and shutil.which("clang++") is None:
        return [*rows, Row(f"{what} + compile: skipped, no C++ compiler", (float("nan"),))]
    compiled = _build_step(settings, batch, size.patch, fast=True, compiled=True)
    return [*rows, speed_row(f"{what} + compile", time_in_turn(compiled, plain, settings), None, batch, "patches")]


def _build_step(settings: Settings, batch: int, patch: int, *, fast: bool, compiled: bool) -> Callable[[], object]:
    torch.manual_seed(0)
    encoder = build_encoder(recipe_config(settings, "quick").encoder).to(settings.device)
    if fast:
        encoder = encoder.to(memory_format=torch.channels_last)
    if compiled:
        encoder.compile()
    images = torch.rand(batch, 3, patch, patch, device=settings.device)

    def embed() -> Tensor:
        if fast:
            return encoder(images).vector
        return encoder.backbone(encoder.front_end(images))[-1].mean(
            dim=(2, 3)
        )  # not `encoder()`, which changes the layout

    def step() -> None:
        with settings.autocast() if fast else nullcontext():
            loss = embed().float().square().mean()
        loss.backward()
        encoder.zero_grad(set_to_none=True)

    return step
