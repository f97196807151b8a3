"""DASR's network: groups of blocks in which the condition acts before each convolution."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from shared.bounds import bounded
from sr.conditioning.adapter import Adapter, Condition
from sr.networks.base import (
    ConditionedBlock,
    NetworkConfig,
    ResidualGroup,
    SlotMaker,
    SRNetwork,
    build_residual_network,
)


@dataclass
class DASRConfig(NetworkConfig):
    """Sizes of DASR's network; the defaults are the published ones.

    Attributes:
        groups: Number of residual groups.
        blocks: Number of blocks per group.
    """

    groups: int = bounded(5, 1, 512)
    blocks: int = bounded(5, 1, 512)


@dataclass
class DASRSmallConfig(DASRConfig):
    """Sizes for a CPU."""

    groups: int = bounded(2, 1, 512)
    blocks: int = bounded(2, 1, 512)
    features: int = bounded(32, 1, 4096)
    bicubic_skip: bool = True


def build_dasr(
    config: DASRConfig, *, scale: int, make_slot: SlotMaker, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """Builds DASR's network; with the fusion `da_conv` it is the published one.

    Source: Wang et al., "Unsupervised Degradation Representation Learning for Blind Super-Resolution", CVPR 2021,
    section 3.3.
    """
    features = config.features
    blocks = [
        ResidualGroup(features, [Block(features, make_slot) for _ in range(config.blocks)])
        for _ in range(config.groups)
    ]
    return build_residual_network(config, blocks, scale=scale, adapter=adapter, shared_blocks=shared_blocks)


class Block(ConditionedBlock):
    """Slot and convolution, twice, and a skip connection."""

    def __init__(self, features: int, make_slot: SlotMaker) -> None:
        super().__init__()
        self.place1, self.place2 = make_slot(features), make_slot(features)
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        inside = leaky_relu(self.place1(features, condition), 0.1)
        inside = leaky_relu(self.conv1(inside), 0.1)
        inside = leaky_relu(self.place2(inside, condition), 0.1)
        return features + self.conv2(inside)
