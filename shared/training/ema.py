"""Exponential moving average of a network's weights and buffers."""

import copy

import torch
from torch import nn


class MovingAverage(nn.Module):
    """A shadow of `network` that follows it with `decay` after every optimiser step and is part of the checkpoint.

    The decay is lowered in the first steps, min(decay, (1 + n) / (10 + n)), so that the start is forgotten.
    """

    updates: torch.Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards `network`; whole-number buffers are copied."""
        self.updates += 1
        count = self.updates.float()
        weight = 1 - ((1 + count) / (10 + count)).clamp(max=self.decay)
        theirs = dict(network.state_dict())
        for key, mine in self.network.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(theirs[key], weight)
            else:
                mine.copy_(theirs[key])

    def train(self, mode: bool = True) -> "MovingAverage":
        """Stays in eval mode."""
        return super().train(False)
