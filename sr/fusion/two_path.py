"""Two paths: the vector gates channels, the map gates positions."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sr.conditioning.adapter import Condition
from sr.fusion.base import Fusion, zero_init


@dataclass
class TwoPathConfig:
    """Options of the two paths: none."""


class TwoPath(Fusion):
    """x * (1 + a + b), with a per channel from the vector and b per position from the map, both 0 at the start.

    Source: both outputs of the encoder are used as in LightBSR, Yuan et al., ICCV 2025; the gates are our own.
    """

    def __init__(self, features: int, width: int, config: TwoPathConfig) -> None:
        super().__init__(features, width, config)
        self.of_channels = zero_init(nn.Linear(width, features))
        self.of_places = nn.Sequential(nn.Conv2d(width, width, 1), nn.LeakyReLU(0.1), zero_init(nn.Conv2d(width, 1, 1)))

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        return ("vector", "last_map")

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        channels = self.of_channels(condition.require_vector())[:, :, None, None]  # (B, C, 1, 1)
        positions = self.of_places(condition.require_map(features))  # (B, 1, h, w)
        return features * (1 + channels + positions)
