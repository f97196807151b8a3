"""Augmentation of HR crops before they are degraded, so that no two degradations are mixed."""

from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from shared.bounds import bounded
from shared.data import make_generator

AUGMENTATION = 0xA06  # separates these draws from those of crops and degradations


@dataclass
class AugmentationConfig:
    """Options of augmentation, in addition to flips and rotations (`views.turned`).

    Attributes:
        channel_shuffle: Share of the rows whose colour channels are permuted, 0 to 1.
        mixup: Share of the rows that are blended with the crops of the next row, 0 to 1.
    """

    channel_shuffle: float = bounded(0.0, 0, 1)
    mixup: float = bounded(0.0, 0, 1)


def augment(crops: Tensor, config: AugmentationConfig, *, seed: int, step: int, first_row: int, rows: int) -> Tensor:
    """Permutes channels and blends HR crops, alike for all views of a row, as a function of (seed, step).

    Both happen before the degradation, so that each LR image has one degradation and matches its HR image.

    Args:
        crops: HR crops, (B, V, 3, S, S) in [0, 1].
        config: The shares.
        seed, step: Seed of the run and number of the step, which determine the draws.
        first_row: Number of the first row of this device among the `rows` of all devices.
        rows: Number of rows in the step over all devices.

    Returns:
        The augmented crops, (B, V, 3, S, S).

    Source: Zhang et al., "SwinFIR", 2022, section 3.4. Deviations: there, images of different degradations are blended,
    and a whole batch with probability 0.5 by one weight from Beta(1.2, 1.2); here rows, by uniform weights each.
    """
    if not config.channel_shuffle and not config.mixup:
        return crops
    generator = make_generator(seed, step, AUGMENTATION)
    shuffled, blended, share = torch.rand(3, rows, generator=generator)
    order = torch.tensor(list(permutations(range(3))))[torch.randint(6, (rows,), generator=generator)]  # (rows, 3)
    own = slice(first_row, first_row + len(crops))
    order = torch.where(shuffled[own, None] < config.channel_shuffle, order[own], torch.arange(3)).to(crops.device)
    crops = crops.gather(2, order[:, None, :, None, None].expand_as(crops))
    weight = torch.where(blended[own] < config.mixup, share[own], 1.0).to(crops)[:, None, None, None, None]
    return weight * crops + (1 - weight) * crops.roll(-1, dims=0)
