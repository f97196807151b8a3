"""MMSR's mutual modulation in one direction: the representation filters the features."""

from dataclasses import dataclass

from torch import Tensor, nn

from shared.bounds import bounded
from sr.conditioning.adapter import Condition
from sr.fusion.base import GuidedFusion, SourceConfig, zero_init
from sr.fusion.local_attention import local_attention


@dataclass
class MutualConfig(SourceConfig):
    """Options of the modulation.

    Attributes:
        window: Side of the filters in pixels, odd.
        reduction: Factor by which the number of channels is reduced before features and guide are compared.
    """

    window: int = bounded(5, 1, 64)
    reduction: int = bounded(2, 1, 4096)


class Mutual(GuidedFusion):
    """A filter per position, by the similarity of guide and features; what it adds is 0 at the start.

    The filter is the softmax of the dot products of the guide (the representation) at a position with the features in
    a window around it, and it is applied to the features in that window.

    Source: Dong et al., "Learning Mutual Modulation for Self-Supervised Cross-Modal Super-Resolution" (MMSR), ECCV
    2022, section 3.2, only the direction in which the guide filters the features. Deviations: a window of 5 instead
    of 11, since every slot of the network has this module and not one alone; the 1x1 convolutions of both maps reduce
    the channels too, by `reduction`; replicate padding; the result is added, through a convolution that is 0 at the
    start.
    """

    def __init__(self, features: int, width: int, config: MutualConfig) -> None:
        super().__init__(features, width, config)
        if config.window % 2 == 0 or config.window < 3:
            raise ValueError(f"fusion.window={config.window} must be odd and at least 3")
        inside = max(1, features // config.reduction)
        self.window = config.window
        self.source, self.guide = nn.Conv2d(features, inside, 1), nn.Conv2d(width, inside, 1)
        self.restore = zero_init(nn.Conv2d(inside, features, 1))

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        source, guide = self.source(features), self.guide(self.condition_map(features, condition))
        return features + self.restore(local_attention(guide, source, source, window=self.window, scaled=False))
