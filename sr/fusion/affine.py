"""Spatial feature transform: the condition scales and shifts the features."""

from dataclasses import dataclass

from torch import Tensor, nn

from sr.conditioning.adapter import Condition
from sr.fusion.base import GuidedFusion, SourceConfig, zero_init


@dataclass
class AffineConfig(SourceConfig):
    """Options of the spatial feature transform."""


class Affine(GuidedFusion):
    """x * (1 + gamma) + beta, both computed from the condition by two 1x1 convolutions, 0 at the start.

    Source: Wang et al., "Recovering Realistic Texture in Image Super-Resolution by Deep Spatial Feature Transform",
    CVPR 2018, eq. 4. Deviation: gamma and beta share the hidden layer, where the published branches have one each.
    """

    def __init__(self, features: int, width: int, config: SourceConfig) -> None:
        super().__init__(features, width, config)
        self.modulation = nn.Sequential(
            nn.Conv2d(width, width, 1), nn.LeakyReLU(0.1), zero_init(nn.Conv2d(width, 2 * features, 1))
        )

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        gamma, beta = self.modulation(self.condition_map(features, condition)).chunk(2, dim=1)
        return features * (1 + gamma) + beta
