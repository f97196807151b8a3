"""DASR's degradation-aware convolution."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from shared.bounds import bounded
from sr.conditioning.adapter import Condition
from sr.fusion.base import Fusion
from sr.fusion.dynamic_conv import DynamicConv, DynamicConvConfig


@dataclass
class DAConvConfig(DynamicConvConfig):
    """Options of DASR's convolution; the defaults are the published values.

    Attributes:
        reduction: Factor by which the channel gate reduces the width of the condition.
    """

    reduction: int = bounded(8, 1, 4096)


class DAConv(Fusion):
    """A dynamic depthwise and a 1x1 convolution, plus the features gated by the condition.

    Starts as published, not as the identity.

    Source: Wang et al., "Unsupervised Degradation Representation Learning for Blind Super-Resolution", CVPR 2021,
    section 3.3.
    """

    def __init__(self, features: int, width: int, config: DAConvConfig) -> None:
        super().__init__(features, width, config)
        if config.reduction > width:
            raise ValueError(f"fusion.reduction={config.reduction} must be at most width={width}")
        self.dynamic = DynamicConv(features, width, config)
        self.mix = nn.Conv2d(features, features, 1)
        self.gate = nn.Sequential(
            nn.Linear(width, width // config.reduction, bias=False),
            nn.LeakyReLU(0.1),
            nn.Linear(width // config.reduction, features, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        mixed = self.mix(leaky_relu(self.dynamic(features, condition), 0.1))
        return torch.addcmul(mixed, features, self.gate(condition.require_vector())[:, :, None, None])
