"""Optimisers and learning-rate schedules."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from shared.bounds import bounded

OPTIMIZERS = ("adamw", "sgd", "lars")
SCHEDULES = ("cosine", "constant", "halving")


@dataclass
class OptimizerConfig:
    """Options of an optimiser and its learning-rate schedule with linear warm-up.

    Attributes:
        name: `adamw`, `sgd` (without Nesterov momentum) or `lars` (lightly's).
        lr: Peak learning rate, not scaled by the batch size.
        weight_decay: Weight decay, except of biases and normalisation weights.
        momentum: Momentum of sgd and lars.
        beta2: Second beta of adamw.
        warmup: Share (0..1) of the steps in which the learning rate rises.
        schedule: Learning rate after the warm-up: `cosine` (to 0), `constant`, or `halving` (in `periods` equal parts,
            each with half the rate of the one before).
        periods: Number of parts of `halving`.
        clip: Largest gradient norm; 0 for no clipping.
    """

    name: str = "adamw"
    lr: float = bounded(1e-3, above=0, high=1000)
    weight_decay: float = bounded(0.05, 0, 1000)
    momentum: float = 0.9
    beta2: float = 0.999
    warmup: float = 0.1
    schedule: str = "cosine"
    periods: int = bounded(4, 1, 1000)  # as DASR and EDSR
    clip: float = bounded(0.0, 0)

    def check(self) -> None:
        """Refuses invalid values.

        Raises:
            ValueError: A value is invalid. The message names the option.
        """
        if self.name not in OPTIMIZERS:
            raise ValueError(f"optimizer.name={self.name!r} must be one of {', '.join(OPTIMIZERS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"optimizer.schedule={self.schedule!r} must be one of {', '.join(SCHEDULES)}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"optimizer.warmup={self.warmup} must be a share of the steps, within 0..1 (1 excluded)")
        for option in ("momentum", "beta2"):
            if not 0 <= getattr(self, option) < 1:
                raise ValueError(f"optimizer.{option}={getattr(self, option)} must be within 0..1 (1 excluded)")


def build_optimizer(
    module: nn.Module, config: OptimizerConfig, *, lr_override: tuple[nn.Module, float] | None = None
) -> Optimizer:
    """Builds the optimiser of all parameters that require a gradient.

    Vectors, which are biases and normalisation weights, do not decay.

    Args:
        module: Module to train.
        config: Options of the optimiser.
        lr_override: A part of the module, and its own peak learning rate.
    """
    part, part_lr = lr_override or (nn.Identity(), config.lr)
    part_ids = {id(parameter) for parameter in part.parameters()}
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {
            "params": [p for p in trained if (id(p) in part_ids) == is_part and (p.ndim > 1) == decays],
            "lr": part_lr if is_part else config.lr,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for is_part in (False, True)
        for decays in (True, False)
    ]
    groups = [group for group in groups if group["params"]]
    if config.name == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, config.beta2), fused=True)
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, fused=True)
    from lightly.utils.lars import LARS

    return LARS(groups, lr=config.lr, momentum=config.momentum)


def schedule_factor(step: int, steps: int, config: OptimizerConfig) -> float:
    """Computes the learning rate at an optimiser step, divided by its peak.

    Args:
        step: Optimiser step, from 0.
        steps: Number of optimiser steps.
        config: Options of the schedule.
    """
    warmup_steps = round(config.warmup * steps)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if config.schedule == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    if config.schedule == "halving":
        return 0.5 ** min(int(progress * config.periods), config.periods - 1)
    return cosine(1.0, 0.0, progress)


def build_schedule(optimizer: Optimizer, steps: int, config: OptimizerConfig) -> LambdaLR:
    """Builds a scheduler by `schedule_factor`, to be stepped once per optimiser step."""
    return LambdaLR(optimizer, lambda step: schedule_factor(step, steps, config))


def cosine(start: float, end: float, progress: float) -> float:
    """Interpolates by half a cosine from `start` at progress 0 to `end` at progress 1."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
