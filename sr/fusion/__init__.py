"""The fusions, each in its own file; `FUSIONS` is the only list of them."""

from typing import Any, NamedTuple

from sr.fusion.affine import Affine, AffineConfig
from sr.fusion.attention3x3 import Attention3x3, Attention3x3Config
from sr.fusion.base import Fusion
from sr.fusion.channel import Channel, ChannelConfig
from sr.fusion.cross_attention import CrossAttention, CrossAttentionConfig
from sr.fusion.da_conv import DAConv, DAConvConfig
from sr.fusion.dynamic_conv import DynamicConv, DynamicConvConfig
from sr.fusion.multi_scale import MultiScale, MultiScaleConfig
from sr.fusion.mutual import Mutual, MutualConfig
from sr.fusion.two_path import TwoPath, TwoPathConfig


class FusionEntry(NamedTuple):
    """A fusion and the dataclass of its options."""

    fusion: type[Fusion]
    config: type[Any]


FUSIONS: dict[str, FusionEntry] = {
    "da_conv": FusionEntry(DAConv, DAConvConfig),
    "dynamic_conv": FusionEntry(DynamicConv, DynamicConvConfig),
    "channel": FusionEntry(Channel, ChannelConfig),
    "affine": FusionEntry(Affine, AffineConfig),
    "attention3x3": FusionEntry(Attention3x3, Attention3x3Config),
    "mutual": FusionEntry(Mutual, MutualConfig),
    "cross_attention": FusionEntry(CrossAttention, CrossAttentionConfig),
    "two_path": FusionEntry(TwoPath, TwoPathConfig),
    "multi_scale": FusionEntry(MultiScale, MultiScaleConfig),
}
