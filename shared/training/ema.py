"""Exponential moving average of a network's weights and buffers."""

import copy

import torch
from torch import nn


class MovingAverage(nn.Module):
    """A shadow of `network` that follows it with `decay` after every optimiser step and is part of the checkpoint.

    The decay is lowered in the first steps, min(decay, (1 + n) / (10 + n)), so that the start is forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards `network` after optimiser step `step` = 1, 2, ...; whole-number buffers are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        mine, theirs = self.network.state_dict(), network.state_dict()
        averaged = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in averaged], [theirs[name] for name in averaged], 1 - decay)
        for name in mine.keys() - averaged:
            mine[name].copy_(theirs[name])

    def train(self, mode: bool = True) -> "MovingAverage":
        """Stays in eval mode."""
        return super().train(False)
