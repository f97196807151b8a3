"""RCAN: residual groups of channel-attention blocks; the condition acts after each block's attention."""

from dataclasses import dataclass

from torch import Tensor, nn

from sr.conditioning.adapter import Adapter, Condition
from sr.networks.base import (
    ConditionedBlock,
    NetworkConfig,
    ResidualGroup,
    SlotMaker,
    SRNetwork,
    residual_network,
    two_convolutions,
)


@dataclass
class RCANConfig(NetworkConfig):
    """Sizes of RCAN; the defaults are published."""

    groups: int = 10
    blocks: int = 20  # per group
    reduction: int = 16  # of the channel attention


@dataclass
class RCANSmallConfig(RCANConfig):
    """A size for CPUs."""

    groups: int = 2
    blocks: int = 3
    features: int = 32
    reduction: int = 8
    bicubic_skip: bool = True


def rcan(
    config: RCANConfig, *, scale: int, make_slot: SlotMaker, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """RCAN.

    Source: Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018.
    """
    features = config.features
    blocks = [
        ResidualGroup(features, [Block(features, config.reduction, make_slot) for _ in range(config.blocks)])
        for _ in range(config.groups)
    ]
    return residual_network(config, blocks, scale=scale, adapter=adapter, shared_blocks=shared_blocks)


class Block(ConditionedBlock):
    """conv, ReLU, conv, channel attention, the condition; and the input."""

    def __init__(self, features: int, reduction: int, make_slot: SlotMaker) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*two_convolutions(features), ChannelAttention(features, reduction))
        self.place = make_slot(features)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.place(self.convolutions(features), condition)


class ChannelAttention(nn.Module):
    """Gates each channel by what the means of all channels say."""

    def __init__(self, features: int, reduction: int) -> None:
        if reduction > features:
            raise ValueError(
                f"network.reduction={reduction} leaves none of the {features} features: take a smaller one"
            )
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(features, features // reduction, 1), nn.ReLU(inplace=True),
            nn.Conv2d(features // reduction, features, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        return features * self.gate(features)
