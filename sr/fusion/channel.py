"""Channel modulation: the condition scales each channel, as CResMD scales its residuals."""

from dataclasses import dataclass

from torch import Tensor, nn

from sr.conditioning.adapter import Condition
from sr.fusion.base import Fusion, zero_init


@dataclass
class ChannelConfig:
    """Options of channel modulation: none."""


class Channel(Fusion):
    """x * (1 + a), where a is an affine function of the vector, 0 at the start.

    Source: He et al., "Interactive Multi-Dimension Modulation with Dynamic Controllable Residual Learning for Image
    Restoration" (CResMD), ECCV 2020, eq. 3. Deviations: 1 is added, so that a condition of 0 changes nothing; the scale
    of the long residual around the whole body is left out; and only in `edsr` and `rcan` is the slot at the end of a
    residual branch, while in `dasr`, `kdsr` and `swin2sr` features are scaled.
    """

    def __init__(self, features: int, width: int, config: ChannelConfig) -> None:
        super().__init__(features, width, config)
        self.scale = zero_init(nn.Linear(width, features))

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        return features * (1 + self.scale(condition.require_vector()))[:, :, None, None]
