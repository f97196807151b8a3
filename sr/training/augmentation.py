"""Augmentation of HR crops before they are degraded, so that no degradation is mixed or mirrored."""

from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from shared.data import make_generator

AUGMENTATION = 0xA06  # tells these draws from those of crops and degradations


@dataclass
class AugmentationConfig:
    """What is done to crops beside mirroring and turning (`views.turned`).

    Attributes:
        channel_shuffle: share (0..1) of the rows whose colours change places.
        mixup: share (0..1) of the rows that are blended with the next row's crop.
    """

    channel_shuffle: float = 0.0
    mixup: float = 0.0

    def check(self) -> None:
        """Refuse shares outside 0..1.

        Raises:
            ValueError: names the option.
        """
        for option in ("channel_shuffle", "mixup"):
            if not 0 <= getattr(self, option) <= 1:
                raise ValueError(f"augmentation.{option}={getattr(self, option)} must be within 0..1")


def augment(crops: Tensor, config: AugmentationConfig, *, seed: int, step: int, first_row: int, rows: int) -> Tensor:
    """Shuffles channels and blends HR crops; all views of a row alike, replayable from (seed, step).

    Both happen before the degradation: each LR image has one degradation, and its HR image is blended in the same way.

    Args:
        crops: (B, V, 3, S, S) in [0, 1].
        config: shares.
        seed, step: of the draws.
        first_row: number of the first row here among the `rows` of all devices.
        rows: of the step, over all devices.

    Returns:
        (B, V, 3, S, S).

    Source: Zhang et al., "SwinFIR", 2022, section 3.4; there, images of two degradations are blended.
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
