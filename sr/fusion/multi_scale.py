"""The spatial feature transform by the encoder's maps of all strides together."""

from dataclasses import dataclass
from typing import Any

from sr.fusion.affine import Affine


@dataclass
class MultiScaleConfig:
    """The multi-scale transform has no options."""


class MultiScale(Affine):
    """`Affine` whose map is the sum of the maps of all strides, each through a 1x1 convolution of its own."""

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        """All maps."""
        return ("all_maps",)
