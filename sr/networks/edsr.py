"""EDSR: residual blocks without normalisation; the condition acts at the end of each block's branch."""

from dataclasses import dataclass

from torch import Tensor, nn

from sr.condition import Adapter, Condition
from sr.networks.base import Conditioned, ConditionedBlock, PlaceOf, SRNetwork, upsampling_tail


@dataclass
class EDSRConfig:
    """Sizes of EDSR; the defaults are the published `baseline`, the full model is 32 blocks of 256 scaled by 0.1."""

    blocks: int = 16
    features: int = 64
    residual_scale: float = 1.0
    bicubic_skip: bool = False


@dataclass
class EDSRSmallConfig(EDSRConfig):
    """A size for CPUs."""

    blocks: int = 6
    features: int = 32
    bicubic_skip: bool = True


def edsr(
    config: EDSRConfig, *, scale: int, place: PlaceOf, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """EDSR.

    Source: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017.
    """
    blocks = [Block(config.features, config.residual_scale, place) for _ in range(config.blocks)]
    body = Conditioned(*blocks, nn.Conv2d(config.features, config.features, 3, padding=1))
    return SRNetwork(
        scale=scale, features=config.features, body=body, adapter=adapter,
        tail=upsampling_tail(config.features, scale), shared_blocks=shared_blocks, bicubic_skip=config.bicubic_skip,
    )  # fmt: skip


class Block(ConditionedBlock):
    """conv, ReLU, conv, the condition, scaled; and the input."""

    def __init__(self, features: int, residual_scale: float, place: PlaceOf) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.convolutions = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(features, features, 3, padding=1),
        )  # fmt: skip
        self.place = place(features)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.residual_scale * self.place(self.convolutions(features), condition)
