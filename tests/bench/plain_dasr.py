"""Plain implementation of DASR with the weights of a model, as the reference for the network of stage two.

Per-sample kernels are applied by one grouped convolution with the batch folded into the channels, in float32 and in
contiguous memory format.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Sequential

from sr.fusion.da_conv import DAConv
from sr.model import SRModel
from sr.networks.base import ResidualGroup
from sr.networks.dasr import Block


def plain_dasr(model: SRModel, lr_image: Tensor) -> Tensor:
    """Super-resolves images, (B, 3, h, w) in [0, 1] -> (B, 3, s h, s w).

    Args:
        model: Model with network=dasr, fusion=da_conv and DASR's encoder.
        lr_image: LR images.
    """
    network, source = model.network, model.source
    assert source is not None
    assert network.adapter is not None
    vector = source(lr_image).vector
    assert network.adapter.vector is not None
    condition = network.adapter.vector(vector)
    shallow = network.stem[0]((lr_image - network.mean) * 255)
    x = shallow
    groups, last = network.body.parts[:-1], network.body.parts[-1]  # type: ignore[union-attr,index]
    for group in groups:
        x = _apply_group(group, x, condition)
    x = last(x) + shallow
    return Sequential.forward(network.tail, x) / 255 + network.mean


def _apply_group(group: ResidualGroup, x: Tensor, condition: Tensor) -> Tensor:
    inside = x
    for block in group.inside.parts[:-1]:
        inside = _apply_block(block, inside, condition)
    return group.inside.parts[-1](inside) + x


def _apply_block(block: Block, x: Tensor, condition: Tensor) -> Tensor:
    first, second = block.place1.fusion, block.place2.fusion
    out = F.leaky_relu(_apply_da_conv(first, x, condition), 0.1)
    out = F.leaky_relu(block.conv1(out), 0.1)
    out = F.leaky_relu(_apply_da_conv(second, out, condition), 0.1)
    return block.conv2(out) + x


def _apply_da_conv(fusion: DAConv, x: Tensor, condition: Tensor) -> Tensor:
    b, c, h, w = x.shape
    kernel = fusion.dynamic.kernels(condition).view(-1, 1, 3, 3)
    out = F.leaky_relu(F.conv2d(x.contiguous().view(1, -1, h, w), kernel, groups=b * c, padding=1), 0.1)
    out = fusion.mix(out.view(b, c, h, w))
    return out + x * fusion.gate(condition).view(b, c, 1, 1)


def psnr_between(one: Tensor, other: Tensor) -> float:
    """Computes the peak signal-to-noise ratio of two images in [0, 1], in dB."""
    return float(-10 * torch.log10((one.float() - other.float()).square().mean()))
