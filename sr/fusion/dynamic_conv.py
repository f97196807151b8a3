"""A depthwise convolution whose kernels the condition makes: KDSR's."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr.conditioning.adapter import Condition
from sr.fusion.base import Fusion


@dataclass
class DynamicConvConfig:
    """Options of the dynamic convolution."""

    kernel_size: int = 3  # published; odd


class DynamicConv(Fusion):
    """Each sample and channel is convolved with a kernel of its own. Starts as published, not as the identity.

    Source: Xia et al., "Knowledge Distillation based Degradation Estimation for Blind Super-Resolution", ICLR 2023,
    section 3.3; Wang et al., CVPR 2021, section 3.3, where it is a part of DASR's.
    """

    def __init__(self, features: int, width: int, config: DynamicConvConfig) -> None:
        super().__init__(features, width, config)
        if config.kernel_size % 2 == 0 or config.kernel_size < 1:
            raise ValueError(f"fusion.kernel_size={config.kernel_size} must be odd")
        self.kernel_size = config.kernel_size
        self.kernels = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.LeakyReLU(0.1),
            nn.Linear(width, features * config.kernel_size**2, bias=False),
        )  # fmt: skip

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        return depthwise_per_sample(features, self.kernels(condition.require_vector()), self.kernel_size)


def depthwise_per_sample(features: Tensor, kernels: Tensor, size: int) -> Tensor:
    """Each channel of each sample is correlated with its own kernel, borders filled with 0.

    Args:
        features: (B, C, h, w).
        kernels: (B, C * size * size).
        size: side of the kernels, odd.

    Returns:
        (B, C, h, w).
    """
    b, c, h, w = features.shape
    if torch.compiler.is_exporting():  # a graph with any number of samples has no fixed number of groups
        return _sum_of_shifts(features, kernels.view(b, c, size * size), size)
    if features.device.type == "cpu" and features.is_contiguous(memory_format=torch.channels_last):
        of_samples = zip(features.split(1), kernels.view(b, c, 1, size, size).unbind(), strict=True)
        parts = [F.conv2d(one, of_one, padding=size // 2, groups=c) for one, of_one in of_samples]
        return parts[0] if b == 1 else torch.cat(parts)  # folding would turn the features to channels first and back
    folded = F.conv2d(
        features.reshape(1, b * c, h, w), kernels.view(b * c, 1, size, size), padding=size // 2, groups=b * c
    )
    return folded.view(b, c, h, w)


def _sum_of_shifts(features: Tensor, kernels: Tensor, size: int) -> Tensor:
    """The same, tap by tap; kernels (B, C, size * size)."""
    h, w = features.shape[-2:]
    padded = F.pad(features, (size // 2,) * 4)
    taps = kernels[..., None, None].unbind(2)  # (B, C, 1, 1) each
    places = [(top, left) for top in range(size) for left in range(size)]
    parts = [tap * padded[..., top : top + h, left : left + w] for tap, (top, left) in zip(taps, places, strict=True)]
    return torch.stack(parts).sum(0)
