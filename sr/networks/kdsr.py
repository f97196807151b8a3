"""KDSR's network: a flat row of blocks, in each of which the condition acts before one convolution."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from shared.bounds import bounded
from sr.conditioning.adapter import Adapter, Condition
from sr.networks.base import ConditionedBlock, NetworkConfig, SlotMaker, SRNetwork, build_residual_network

IMAGE_RANGE = 1.0  # range of the stem's input, as published


@dataclass
class KDSRConfig(NetworkConfig):
    """Sizes of KDSR's network; the defaults, with `width=128`, are those of KDSR-L (kdsr_m: KDSR-M, `width=64`).

    The whole is KDSR's with `fusion=dynamic_conv conditioning.adapter=mlp` and the encoder `kdsr_l` or `kdsr_m` too.

    Attributes:
        blocks: Number of blocks.
        features: C, the number of channels of stem and body.
    """

    blocks: int = bounded(28, 1, 512)
    features: int = bounded(128, 1, 4096)


@dataclass
class KDSRMConfig(KDSRConfig):
    """Sizes of KDSR-M."""

    blocks: int = bounded(53, 1, 512)
    features: int = bounded(64, 1, 4096)


@dataclass
class KDSRSmallConfig(KDSRConfig):
    """Sizes for a CPU."""

    blocks: int = bounded(8, 1, 512)
    features: int = bounded(32, 1, 4096)
    bicubic_skip: bool = True


def build_kdsr(
    config: KDSRConfig, *, scale: int, make_slot: SlotMaker, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """Builds KDSR's network; with the fusion `dynamic_conv` it is the published one.

    Source: Xia et al., "Knowledge Distillation based Degradation Estimation for Blind Super-Resolution", ICLR 2023,
    section 3.3.
    """
    blocks = [Block(config.features, make_slot) for _ in range(config.blocks)]
    return build_residual_network(
        config, blocks, scale=scale, adapter=adapter, shared_blocks=shared_blocks, image_range=IMAGE_RANGE
    )


class Block(ConditionedBlock):
    """Slot, LeakyReLU, convolution, and a skip connection."""

    def __init__(self, features: int, make_slot: SlotMaker) -> None:
        super().__init__()
        self.place = make_slot(features)
        self.conv = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        return features + self.conv(leaky_relu(self.place(features, condition), 0.1))
