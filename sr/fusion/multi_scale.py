"""The spatial feature transform, conditioned on the encoder's maps of all strides."""

from dataclasses import dataclass
from typing import Any

from sr.fusion.affine import Affine


@dataclass
class MultiScaleConfig:
    """Options of the multi-scale transform: none."""


class MultiScale(Affine):
    """`Affine` whose map is the sum of the maps of all strides, each compressed by its own 1x1 convolution."""

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        return ("all_maps",)
