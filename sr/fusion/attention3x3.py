"""Attention over a 3x3 neighbourhood: queries from the representation, keys and values from the features."""

from dataclasses import dataclass

from torch import Tensor, nn

from shared.bounds import bounded
from sr.conditioning.adapter import Condition
from sr.fusion.base import GuidedFusion, SourceConfig, zero_init
from sr.fusion.local_attention import local_attention


@dataclass
class Attention3x3Config(SourceConfig):
    """Options of the attention.

    Attributes:
        heads: Number of attention heads.
        reduction: Factor by which the spatial branch reduces the number of channels.
    """

    heads: int = bounded(4, 1, 4096)
    reduction: int = bounded(2, 1, 4096)


class Attention3x3(GuidedFusion):
    """A spatial branch, whose 1x1 convolutions reduce and restore the channels, and a channel branch.

    The queries come from the representation, keys and values from the features. The channel branch passes the mean of
    the map, or the vector, through two fully connected layers. Both branches add 0 at the start.

    Source: experiment E5 and idea I5 of the project's research notes; local attention as in Ramachandran et al.,
    "Stand-Alone Self-Attention in Vision Models", NeurIPS 2019. Deviations: no relative positions, replicate padding,
    logits divided by sqrt(d).
    """

    def __init__(self, features: int, width: int, config: Attention3x3Config) -> None:
        super().__init__(features, width, config)
        inside = features // config.reduction
        if inside < 1 or inside % config.heads:
            raise ValueError(
                f"fusion.heads={config.heads} does not divide the {inside} channels that fusion.reduction="
                f"{config.reduction} leaves of {features}"
            )
        self.heads = config.heads
        self.query = nn.Conv2d(width, inside, 1)
        self.key, self.value = nn.Conv2d(features, inside, 1), nn.Conv2d(features, inside, 1)
        self.restore = zero_init(nn.Conv2d(inside, features, 1))
        self.gate = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.1), zero_init(nn.Linear(width, features)))

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        summary = condition.map_mean if self.from_map else condition.require_vector()
        assert summary is not None  # every condition with a map has its mean
        query = self.query(self.condition_map(features, condition))
        attended = local_attention(query, self.key(features), self.value(features), window=3, heads=self.heads)
        return features * (1 + self.gate(summary).tanh()[:, :, None, None]) + self.restore(attended)
