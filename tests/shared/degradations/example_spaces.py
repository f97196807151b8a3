"""Spaces for tests, and degradations without some of their steps."""

import torch

from shared.degradations import Degradation, Space
from shared.degradations.operations import NONE, OPERATIONS

THETA = {"theta": [0, "pi"]}
WIDTHS = {"sigma": [0.3, 3], "sigma_y": [0.3, 3], **THETA}
BLURS = [
    {"gaussian": WIDTHS},
    {"generalized_gaussian": {**WIDTHS, "beta": [0.5, 4]}},
    {"plateau": {**WIDTHS, "beta": [1, 2]}},
    {"sinc": {"cutoff": ["pi/3", "pi"]}},
    {"disk": {"radius": [0.5, 6]}},
    {"motion": {"length": [1, 16], **THETA, "curvature": [0, 0.25]}},
]
SIZES = {"choice": [0.5, 0.25, 1, 1.5]}
NAMES = ("bicubic", "plain_bicubic", "bilinear", "area", "nearest")
RESIZES = [{name: {"relative_size": SIZES}} for name in NAMES]
NOISES = [
    {"gaussian_noise": {"noise_sigma": [0, 0.1]}},
    {"gray_noise": {"noise_sigma": [0, 0.1]}},
    {"speckle": {"noise_sigma": [0, 0.2]}},
    {"poisson": {"peak": [20, 500]}},
    {"gray_poisson": {"peak": [20, 500]}},
]
JPEGS = [
    {"jpeg": {"quality": [30, 95]}},
    {"cropped_jpeg": {"quality": [30, 95], "offset_x": [0, 15], "offset_y": [0, 15]}},
]
LAST_RESIZES = [{name: {"relative_size": "1/2"}} for name in NAMES]

SPACES_WITH_SHORT_MARGIN = ("shuffled", "second_order", "photo")  # their margin is shorter than the reach of rare rows


def make_full_space() -> Space:
    """Makes a space with every family of every kind, at x2, in random order except for the last resize."""
    steps = [
        {"rescale": {"factor": 0.5}, "probability": 0.5, "movable": True},
        {"unsharp_mask": {"amount": [0, 1]}, "probability": 0.5, "movable": True},
        {"one_of": BLURS, "probability": 0.9, "movable": True},
        {"one_of": RESIZES, "probability": 0.5, "movable": True},
        {"one_of": BLURS, "probability": 0.5, "movable": True},
        {"one_of": NOISES, "probability": 0.9, "movable": True},
        {"one_of": JPEGS, "probability": 0.5, "movable": True},
        {"one_of": LAST_RESIZES},
        {"quantize": {}},
    ]
    return Space({"scale": 2, "shuffle": True, "steps": steps}, "every operation")


def make_space(*steps: dict, scale: int = 1) -> Space:
    return Space({"scale": scale, "steps": list(steps)}, "example")


def draw(space: Space, count: int, seed: int = 0) -> Degradation:
    return space.draw(count, torch.Generator().manual_seed(seed))


def remove_steps(degradation: Degradation, *kinds: str) -> Degradation:
    """Removes the steps of some kinds of operations."""
    is_removed = torch.tensor([operation.kind in kinds for operation in OPERATIONS])
    operation = degradation.operation.masked_fill(is_removed[degradation.operation], NONE)
    return Degradation(operation, degradation.parameters, degradation.seed, degradation.scale, degradation.kernel_size)
