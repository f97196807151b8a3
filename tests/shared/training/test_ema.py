"""The exponential moving average."""

import torch
from torch import nn

from shared.training.ema import MovingAverage


def test_weights_are_averaged_and_integers_copied():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    average = MovingAverage(network, decay=0.9)
    expected = network[0].weight.detach().clone()
    for n in range(1, 40):
        with torch.no_grad():
            network[0].weight.add_(torch.randn(3, 3))
            network(torch.randn(5, 3))
        average.update(network, n)
        decay = min(0.9, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * network[0].weight.detach()
    assert torch.allclose(average.network[0].weight, expected, atol=1e-6)
    assert average.network[1].num_batches_tracked == network[1].num_batches_tracked == 39


def test_the_average_stays_in_evaluation_mode_without_gradients():
    average = MovingAverage(nn.BatchNorm1d(3), 0.5).train()
    assert not average.network.training
    assert not any(p.requires_grad for p in average.parameters())
