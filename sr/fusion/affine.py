"""Spatial feature transform: the condition's map scales and shifts the features at each position."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sr.conditioning.adapter import Condition
from sr.fusion.base import Fusion, zero_init


@dataclass
class AffineConfig:
    """Options of the spatial feature transform: none."""


class Affine(Fusion):
    """x * (1 + gamma) + beta, both computed from the map by two 1x1 convolutions, 0 at the start.

    Source: Wang et al., "Recovering Realistic Texture in Image Super-Resolution by Deep Spatial Feature Transform",
    CVPR 2018, eq. 4.
    """

    def __init__(self, features: int, width: int, config: Any) -> None:
        super().__init__(features, width, config)
        self.modulation = nn.Sequential(
            nn.Conv2d(width, width, 1), nn.LeakyReLU(0.1), zero_init(nn.Conv2d(width, 2 * features, 1))
        )

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        return ("last_map",)

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        gamma, beta = self.modulation(condition.require_map(features)).chunk(2, dim=1)
        return features * (1 + gamma) + beta
