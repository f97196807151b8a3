"""KDSR's dynamic convolution: a depthwise convolution whose kernels are computed from the condition."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.bounds import bounded
from sr.conditioning.adapter import Condition
from sr.fusion.base import Fusion


@dataclass
class DynamicConvConfig:
    """Options of the dynamic convolution; the default is the published value.

    Attributes:
        kernel_size: Side of the kernels, odd.
    """

    kernel_size: int = bounded(3, 1, 31)


class DynamicConv(Fusion):
    """A depthwise convolution with a kernel per sample and channel. Starts as published, not as the identity.

    Source: Xia et al., "Knowledge Distillation based Degradation Estimation for Blind Super-Resolution", ICLR 2023,
    section 3.3; as a part of DASR's convolution in Wang et al., CVPR 2021, section 3.3.
    """

    def __init__(self, features: int, width: int, config: DynamicConvConfig) -> None:
        super().__init__(features, width, config)
        if config.kernel_size % 2 == 0 or config.kernel_size < 1:
            raise ValueError(f"fusion.kernel_size={config.kernel_size} must be odd")
        self.kernel_size = config.kernel_size
        self.kernels = nn.Sequential(
            nn.Linear(width, width, bias=False),
            nn.LeakyReLU(0.1),
            nn.Linear(width, features * config.kernel_size**2, bias=False),
        )

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        return convolve_per_sample(features, self.kernels(condition.require_vector()), self.kernel_size)


def convolve_per_sample(features: Tensor, kernels: Tensor, size: int) -> Tensor:
    """Correlates each channel of each sample with a kernel of its own, with zero padding.

    Args:
        features: Features, (B, C, h, w).
        kernels: Kernels, (B, C * size * size).
        size: Side of the kernels, odd.

    Returns:
        The filtered features, (B, C, h, w).
    """
    b, c, h, w = features.shape
    if torch.compiler.is_exporting():  # a graph with any number of samples has no fixed number of groups
        return _sum_of_shifts(features, kernels.view(b, c, size * size), size)
    if features.device.type == "cpu" and features.is_contiguous(memory_format=torch.channels_last):
        samples = zip(features.split(1), kernels.view(b, c, 1, size, size).unbind(), strict=True)
        parts = [F.conv2d(sample, kernel, padding=size // 2, groups=c) for sample, kernel in samples]
        return parts[0] if b == 1 else torch.cat(parts)  # folding would turn the features to channels first and back
    folded = F.conv2d(
        features.reshape(1, b * c, h, w), kernels.view(b * c, 1, size, size), padding=size // 2, groups=b * c
    )
    return folded.view(b, c, h, w)


def _sum_of_shifts(features: Tensor, kernels: Tensor, size: int) -> Tensor:
    """Computes `convolve_per_sample` tap by tap, for kernels (B, C, size * size)."""
    h, w = features.shape[-2:]
    padded = F.pad(features, (size // 2,) * 4)
    taps = kernels[..., None, None].unbind(2)  # (B, C, 1, 1) each
    offsets = [(top, left) for top in range(size) for left in range(size)]
    parts = [tap * padded[..., top : top + h, left : left + w] for tap, (top, left) in zip(taps, offsets, strict=True)]
    return torch.stack(parts).sum(0)
