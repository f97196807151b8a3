"""EDSR: residual blocks without normalisation; the condition acts at the end of each block's branch."""

from dataclasses import dataclass

from torch import Tensor, nn

from sr.conditioning.adapter import Adapter, Condition
from sr.networks.base import ConditionedBlock, NetworkConfig, SlotMaker, SRNetwork, residual_network, two_convolutions


@dataclass
class EDSRConfig(NetworkConfig):
    """Sizes of EDSR; the defaults are the published `baseline`, the full model is 32 blocks of 256 scaled by 0.1."""

    blocks: int = 16
    residual_scale: float = 1.0


@dataclass
class EDSRSmallConfig(EDSRConfig):
    """A size for CPUs."""

    blocks: int = 6
    features: int = 32
    bicubic_skip: bool = True


def edsr(
    config: EDSRConfig, *, scale: int, make_slot: SlotMaker, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """EDSR.

    Source: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017.
    """
    blocks = [Block(config.features, config.residual_scale, make_slot) for _ in range(config.blocks)]
    return residual_network(config, blocks, scale=scale, adapter=adapter, shared_blocks=shared_blocks)


class Block(ConditionedBlock):
    """conv, ReLU, conv, the condition, scaled; and the input."""

    def __init__(self, features: int, residual_scale: float, make_slot: SlotMaker) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.convolutions = nn.Sequential(*two_convolutions(features))
        self.place = make_slot(features)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.residual_scale * self.place(self.convolutions(features), condition)
