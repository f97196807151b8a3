"""Optimisers, the learning-rate schedule, and which weights decay."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

NAMES = ("adamw", "sgd", "lars")
SCHEDULES = ("cosine", "constant", "halving")


@dataclass
class OptimizerConfig:
    """Optimiser with linear warm-up and cosine decay to 0.

    Attributes:
        name: `adamw`, `sgd` (Nesterov off) or `lars` (lightly's).
        lr: peak learning rate, as it is used (no scaling by the batch).
        weight_decay: not applied to biases and normalisation weights.
        momentum: of sgd and lars.
        beta2: of adamw.
        warmup: share (0..1) of the steps with a rising learning rate.
        schedule: after the warm-up `cosine`, `constant`, or `halving`: half as much in each of `periods` equal parts.
        periods: of `halving`.
        clip: largest gradient norm; 0 = not clipped.
    """

    name: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    beta2: float = 0.999
    warmup: float = 0.1
    schedule: str = "cosine"
    periods: int = 4  # DASR's and EDSR's number
    clip: float = 0.0

    def check(self) -> None:
        """Refuse values no optimiser can have.

        Raises:
            ValueError: names the option.
        """
        if self.name not in NAMES:
            raise ValueError(f"optimizer.name={self.name!r} must be one of {', '.join(NAMES)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"optimizer.schedule={self.schedule!r} must be one of {', '.join(SCHEDULES)}")
        if self.periods < 1:
            raise ValueError(f"optimizer.periods={self.periods} must be at least 1")
        if self.lr <= 0:
            raise ValueError(f"optimizer.lr={self.lr} must be positive")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"optimizer.warmup={self.warmup} is a share of the steps, within 0..1")
        for option in ("momentum", "beta2"):
            if not 0 <= getattr(self, option) < 1:
                raise ValueError(f"optimizer.{option}={getattr(self, option)} must be within 0..1 (not included)")
        for option in ("weight_decay", "clip"):
            if getattr(self, option) < 0:
                raise ValueError(f"optimizer.{option}={getattr(self, option)} must not be negative")


def build_optimizer(
    module: nn.Module, config: OptimizerConfig, *, lr_override: tuple[nn.Module, float] | None = None
) -> Optimizer:
    """The optimiser of all parameters that require a gradient; vectors (biases, normalisations) do not decay.

    Args:
        module: what is trained.
        config: which optimiser.
        lr_override: a part of the module with a peak learning rate of its own.
    """
    part, rate = lr_override or (nn.Identity(), config.lr)
    inside = {id(parameter) for parameter in part.parameters()}
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {
            "params": [p for p in trained if (id(p) in inside) == is_part and (p.ndim > 1) == decays],
            "lr": rate if is_part else config.lr,
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
    """Learning rate at optimiser step `step` (from 0) over its peak."""
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
    """`schedule_factor` as a scheduler to be stepped once per optimiser step."""
    return LambdaLR(optimizer, lambda step: schedule_factor(step, steps, config))


def cosine(start: float, end: float, progress: float) -> float:
    """Half a cosine from `start` at progress 0 to `end` at progress 1."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
