"""Optimisers and schedules."""

import math

import pytest
import torch
from torch import nn

from shared.training.optimizers import OptimizerConfig, build_optimizer, build_schedule, cosine, schedule_factor


def test_the_schedule_is_a_warm_up_and_half_a_cosine_to_zero():
    config = OptimizerConfig(warmup=0.2)
    factors = [schedule_factor(step, 10, config) for step in range(11)]
    assert factors[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    for step in range(2, 11):
        assert factors[step] == pytest.approx((1 + math.cos(math.pi * (step - 2) / 8)) / 2)
    assert factors[10] == pytest.approx(0, abs=1e-12)


def test_a_constant_schedule_stays_at_the_peak():
    assert schedule_factor(9, 10, OptimizerConfig(warmup=0, schedule="constant")) == 1


def test_a_cosine_has_exact_ends():
    assert (cosine(0.99, 1.0, 0), cosine(0.99, 1.0, 1)) == (0.99, 1.0)


@pytest.mark.parametrize("name", ["adamw", "sgd", "lars"])
def test_vectors_do_not_decay_and_every_optimiser_descends(name):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 1))
    optimizer = build_optimizer(network, OptimizerConfig(name=name, lr=0.01))
    decays = {p: group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for parameter in network.parameters():
        assert decays[parameter] == (0.05 if parameter.ndim > 1 else 0)
    schedule = build_schedule(optimizer, 300, OptimizerConfig(name=name))
    x = torch.randn(64, 4)
    losses = []
    for _ in range(300):
        loss = (network(x).squeeze(1) - x[:, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "adam"},
        {"warmup": 1.0},
        {"schedule": "step"},
        {"beta2": 2},
        {"momentum": 1},
    ],
)
def test_invalid_values_are_refused(change):
    with pytest.raises(ValueError, match=f"optimizer.{next(iter(change))}"):
        OptimizerConfig(**change).check()
