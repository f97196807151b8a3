"""MMSR's modulation in one direction: the features learn from the representation's map."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sr.conditioning.adapter import Condition
from sr.fusion.base import Fusion, zero_init
from sr.fusion.local_attention import local_attention


@dataclass
class MutualConfig:
    """Options of the modulation."""

    window: int = 5  # odd
    reduction: int = 2  # of the channels that are compared


class Mutual(Fusion):
    """Each place is filtered by what the features around it have in common with the guide; this adds 0 at the start.

    The filter is the softmax of the dot products of the guide (the representation's map) at a place with the features
    in a window around it, and it is applied to the features in that window.
    Source: Dong et al., "Learning Mutual Modulation for Self-Supervised Cross-Modal Super-Resolution" (MMSR), ECCV
    2022, section 3.2, in the direction in which the features are filtered by the guide alone. Deviations: a window of 5
    in place of 11, since it stands at every place of the network and not once in it; beyond the border the edge
    repeats; the result is added, by a convolution that is 0 at the start.
    """

    def __init__(self, features: int, width: int, config: MutualConfig) -> None:
        super().__init__(features, width, config)
        if config.window % 2 == 0 or config.window < 3:
            raise ValueError(f"fusion.window={config.window} must be odd and at least 3: one place needs no weights")
        inside = max(1, features // config.reduction)
        self.window = config.window
        self.source, self.guide = nn.Conv2d(features, inside, 1), nn.Conv2d(width, inside, 1)
        self.restore = zero_init(nn.Conv2d(inside, features, 1))

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        """The last map."""
        return ("last_map",)

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        source, guide = self.source(features), self.guide(condition.require_map(features))
        return features + self.restore(local_attention(guide, source, source, window=self.window, scaled=False))
