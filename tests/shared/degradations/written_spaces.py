"""Spaces written in the tests, and what is left of a degradation without some of its steps."""

import torch

from shared.degradations import Degradation, Space
from shared.degradations.operations import NONE, OPERATIONS

THETA = {"theta": [0, "pi"]}
WIDTHS = {"sigma": [0.3, 3], "sigma_y": [0.3, 3], **THETA}
BLURS = [
    {"gaussian": WIDTHS}, {"generalized_gaussian": {**WIDTHS, "beta": [0.5, 4]}},
    {"plateau": {**WIDTHS, "beta": [1, 2]}}, {"sinc": {"cutoff": ["pi/3", "pi"]}}, {"disk": {"radius": [0.5, 6]}},
    {"motion": {"length": [1, 16], **THETA, "curvature": [0, 0.25]}},
]  # fmt: skip
SIZES = {"choice": [0.5, 0.25, 1, 1.5]}
RESIZES = [{name: {"relative_size": SIZES}} for name in ("bicubic", "bilinear", "area", "nearest")]
NOISES = [
    {"gaussian_noise": {"noise_sigma": [0, 0.1]}}, {"gray_noise": {"noise_sigma": [0, 0.1]}},
    {"speckle": {"noise_sigma": [0, 0.2]}}, {"poisson": {"peak": [20, 500]}},
]  # fmt: skip
LAST = [{name: {"relative_size": "1/2"}} for name in ("bicubic", "bilinear", "area", "nearest")]

CUT_SHORT = ("shuffled", "second_order")  # their YAML writes a margin below what the rarest rows reach


def every_operation() -> Space:
    """Every family of every kind, at x2, in random order but for the last resize."""
    steps = [
        {"one_of": BLURS, "probability": 0.9, "movable": True},
        {"one_of": RESIZES, "probability": 0.5, "movable": True},
        {"one_of": BLURS, "probability": 0.5, "movable": True}, {"one_of": NOISES, "probability": 0.9, "movable": True},
        {"jpeg": {"quality": [30, 95]}, "probability": 0.5, "movable": True}, {"one_of": LAST}, {"quantize": {}},
    ]  # fmt: skip
    return Space({"scale": 2, "shuffle": True, "steps": steps}, "every operation")


def space_of(*steps: dict, scale: int = 1) -> Space:
    return Space({"scale": scale, "steps": list(steps)}, "written")


def draw(space: Space, count: int, seed: int = 0) -> Degradation:
    return space.draw(count, torch.Generator().manual_seed(seed))


def without(degradation: Degradation, *kinds: str) -> Degradation:
    """The same degradations, the steps of these kinds left out."""
    left_out = torch.tensor([operation.kind in kinds for operation in OPERATIONS])
    operation = degradation.operation.masked_fill(left_out[degradation.operation], NONE)
    return Degradation(
        operation, degradation.parameters, degradation.seed, degradation.scale, degradation.kernel_size
    )  # fmt: skip
