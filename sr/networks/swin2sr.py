"""Swin2SR: groups of shifted-window Transformer blocks (timm's Swin V2); the condition acts after each group."""

from dataclasses import dataclass

from torch import Tensor, nn

from shared.bounds import bounded
from sr.conditioning.adapter import Adapter, Condition
from sr.networks.base import ConditionedBlock, ConditionedSequential, NetworkConfig, SlotMaker, SRNetwork
from sr.networks.padding import WholeWindows
from sr.networks.tail import UpsamplingTail


@dataclass
class Swin2SRConfig(NetworkConfig):
    """Sizes of Swin2SR; the defaults are those published for classical super-resolution.

    Attributes:
        groups: Number of residual groups.
        blocks: Number of Transformer blocks per group.
        features: C, the number of channels of stem and body.
        heads: Number of attention heads.
        window: Side of the attention windows in pixels.
        mlp_ratio: Number of hidden channels of the perceptrons per channel of the features.
        tail_features: Number of channels of the tail.
        padding: How images are padded to whole windows, see `sr.networks.padding.WholeWindows`: `reflect` as the
            published network does, or `symmetric` as its authors' test program.
    """

    groups: int = bounded(6, 1, 512)
    blocks: int = bounded(6, 1, 512)
    features: int = bounded(180, 1, 4096)
    heads: int = bounded(6, 1, 4096)
    window: int = bounded(8, 1, 64)
    mlp_ratio: float = bounded(2.0, above=0, high=64)
    tail_features: int = bounded(64, 1, 4096)
    padding: str = "reflect"


@dataclass
class Swin2SRSmallConfig(Swin2SRConfig):
    """Sizes for a CPU."""

    groups: int = bounded(2, 1, 512)
    blocks: int = bounded(2, 1, 512)
    features: int = bounded(32, 1, 4096)
    heads: int = bounded(4, 1, 4096)
    tail_features: int = bounded(32, 1, 4096)
    bicubic_skip: bool = True


def build_swin2sr(
    config: Swin2SRConfig, *, scale: int, make_slot: SlotMaker, adapter: Adapter | None, shared_blocks: int = 0
) -> SRNetwork:
    """Builds Swin2SR.

    Deviations: no stochastic depth (published: 0.1); linear layers keep the initialisation of torch (published:
    standard deviation 0.02).

    Raises:
        ValueError: The features cannot be divided among the heads, or the padding is unknown.

    Source: Conde et al., "Swin2SR: SwinV2 Transformer for Compressed Image Super-Resolution and Restoration", ECCVW
    2022.
    """
    if config.features % config.heads:
        raise ValueError(f"network.features={config.features} cannot be divided among network.heads={config.heads}")
    groups = [Group(config, make_slot) for _ in range(config.groups)]
    body = ConditionedSequential(
        Embedding(config.features),
        *groups,
        ChannelNorm(config.features),
        nn.Conv2d(config.features, config.features, 3, padding=1),
    )
    tail = nn.Sequential(
        nn.Conv2d(config.features, config.tail_features, 3, padding=1),
        nn.LeakyReLU(0.01),
        UpsamplingTail(config.tail_features, scale),
    )
    return SRNetwork(
        scale=scale,
        features=config.features,
        body=body,
        adapter=adapter,
        tail=tail,
        image_range=1.0,
        shared_blocks=shared_blocks,
        bicubic_skip=config.bicubic_skip,
        pad=WholeWindows(config.window, config.padding),
    )


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of features (B, C, h, w)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)

    def forward(self, features: Tensor) -> Tensor:
        return self.norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Embedding(nn.Sequential):
    """The patch embedding for patches of one pixel: a 1x1 convolution and a normalisation."""

    def __init__(self, features: int) -> None:
        super().__init__(nn.Conv2d(features, features, 1), ChannelNorm(features))


class Group(ConditionedBlock):
    """Transformer blocks, every second one with shifted windows, convolutions, a skip connection, and a slot."""

    def __init__(self, config: Swin2SRConfig, make_slot: SlotMaker) -> None:
        from timm.models.swin_transformer_v2 import SwinTransformerV2Block  # takes 4 s to import

        super().__init__()
        shifts = [0 if i % 2 == 0 else config.window // 2 for i in range(config.blocks)]
        self.blocks = nn.Sequential(
            *(
                SwinTransformerV2Block(
                    config.features,
                    input_resolution=(config.window, config.window),
                    num_heads=config.heads,
                    window_size=config.window,
                    shift_size=shift,
                    always_partition=True,
                    dynamic_mask=True,
                    mlp_ratio=config.mlp_ratio,
                )
                for shift in shifts
            )
        )
        self.conv = nn.Conv2d(config.features, config.features, 3, padding=1)
        self.embed = nn.Conv2d(config.features, config.features, 1)
        self.place = make_slot(config.features)

    def forward(self, features: Tensor, condition: Condition | None) -> Tensor:
        """Transforms features (B, C, h, w), whose sides are multiples of the window."""
        tokens = self.blocks(features.permute(0, 2, 3, 1))  # (B, h, w, C)
        return self.place(features + self.embed(self.conv(tokens.permute(0, 3, 1, 2))), condition)
