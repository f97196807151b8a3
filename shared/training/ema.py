"""Exponential moving average of a network's weights and buffers."""

import copy

import torch
from torch import nn


class MovingAverage(nn.Module):
    """A copy of a network whose weights are the exponential moving average of the network's; part of the checkpoint.

    In the first steps, the decay is min(decay, (1 + n) / (10 + n)), so that the initial weights are forgotten.

    Args:
        network: Network to follow.
        decay: Decay per optimiser step, 0..1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Averages the weights after an optimiser step; buffers of integers are copied.

        Args:
            network: Network to follow.
            step: Number of the optimiser step, from 1.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        average, current = self.network.state_dict(), network.state_dict()
        names = [name for name, value in average.items() if value.is_floating_point()]
        torch._foreach_lerp_([average[name] for name in names], [current[name] for name in names], 1 - decay)
        for name in average.keys() - names:
            average[name].copy_(current[name])

    def train(self, mode: bool = True) -> "MovingAverage":
        """Stays in evaluation mode."""
        return super().train(False)
