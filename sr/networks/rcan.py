"""RCAN: residual groups of channel-attention blocks; the condition acts after each block's attention."""

from dataclasses import dataclass

from torch import Tensor, nn

from shared.bounds import bounded
from sr.conditioning.adapter import Adapter, Condition
from sr.networks.base import (
    ConditionedBlock,
    NetworkConfig,
    ResidualGroup,
    SlotMaker,
    SRNetwork,
    build_convolutions,
    build_residual_network,
)


@dataclass
class RCANConfig(NetworkConfig):
    """Sizes of RCAN; the defaults are the published ones.

    Attributes:
        groups: Number of residual groups.
        blocks: Number of blocks per group.
        reduction: Factor by which the channel attention reduces the number of channels.
    """

    groups: int = bounded(10, 1, 512)
    blocks: int = bounded(20, 1, 512)
    reduction: int = bounded(16, 1, 4096)


@dataclass
class RCANSmallConfig(RCANConfig):
    """Sizes for a CPU."""

    groups: int = bounded(2, 1, 512)
    blocks: int = bounded(3, 1, 512)
    features: int = bounded(32, 1, 4096)
    reduction: int = bounded(8, 1, 4096)
    bicubic_skip: bool = True


def build_rcan(
    config: RCANConfig, *, scale: int, make_slot: SlotMaker, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """Builds RCAN.

    Source: Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018.
    """
    features = config.features
    blocks = [
        ResidualGroup(features, [Block(features, config.reduction, make_slot) for _ in range(config.blocks)])
        for _ in range(config.groups)
    ]
    return build_residual_network(config, blocks, scale=scale, adapter=adapter, shared_blocks=shared_blocks)


class Block(ConditionedBlock):
    """Convolution, ReLU, convolution, channel attention, slot, and a skip connection."""

    def __init__(self, features: int, reduction: int, make_slot: SlotMaker) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*build_convolutions(features), ChannelAttention(features, reduction))
        self.place = make_slot(features)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.place(self.convolutions(features), condition)


class ChannelAttention(nn.Module):
    """A gate per channel, computed from the means of all channels."""

    def __init__(self, features: int, reduction: int) -> None:
        if reduction > features:
            raise ValueError(f"network.reduction={reduction} must be at most network.features={features}")
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(features, features // reduction, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(features // reduction, features, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Gates features (B, C, h, w)."""
        return features * self.gate(features)
