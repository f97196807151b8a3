"""EDSR: residual blocks without normalisation; the condition acts at the end of each block's branch."""

from dataclasses import dataclass

from torch import Tensor, nn

from shared.bounds import bounded
from sr.conditioning.adapter import Adapter, Condition
from sr.networks.base import (
    ConditionedBlock,
    NetworkConfig,
    SlotMaker,
    SRNetwork,
    build_convolutions,
    build_residual_network,
)


@dataclass
class EDSRConfig(NetworkConfig):
    """Sizes of EDSR; the defaults are those of the published baseline.

    The full model has `blocks=32 features=256 residual_scale=0.1`.

    Attributes:
        blocks: Number of residual blocks.
        residual_scale: Factor by which each block's branch is multiplied.
    """

    blocks: int = bounded(16, 1, 512)
    residual_scale: float = bounded(1.0, above=0, high=1000)


@dataclass
class EDSRSmallConfig(EDSRConfig):
    """Sizes for a CPU."""

    blocks: int = bounded(6, 1, 512)
    features: int = bounded(32, 1, 4096)
    bicubic_skip: bool = True


def build_edsr(
    config: EDSRConfig, *, scale: int, make_slot: SlotMaker, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """Builds EDSR.

    Source: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017.
    """
    blocks = [Block(config.features, config.residual_scale, make_slot) for _ in range(config.blocks)]
    return build_residual_network(config, blocks, scale=scale, adapter=adapter, shared_blocks=shared_blocks)


class Block(ConditionedBlock):
    """Convolution, ReLU, convolution, slot, scaling, and a skip connection."""

    def __init__(self, features: int, residual_scale: float, make_slot: SlotMaker) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.convolutions = nn.Sequential(*build_convolutions(features))
        self.place = make_slot(features)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.residual_scale * self.place(self.convolutions(features), condition)
