"""The spatial feature transform, conditioned on the encoder's maps of all strides, pooled or un-pooled."""

from dataclasses import dataclass
from typing import Any

from sr.fusion.affine import Affine
from sr.fusion.base import SourceConfig


@dataclass
class MultiScaleConfig(SourceConfig):
    """Options of the multi-scale transform."""


class MultiScale(Affine):
    """`Affine` by the sum of the maps of all strides, or of their means, each compressed by its own 1x1 convolution."""

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        return ("all_maps",) if config.source == "map" else ("all_means",)
