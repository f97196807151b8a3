"""DASR's degradation encoder."""

from torch import Tensor, nn


class DasrBackbone(nn.Module):
    """DASR's degradation encoder before its MLP: six 3x3 convolutions, 256 channels at a quarter of the size.

    Args:
        in_channels: Channels of the input.
        downsample: False sets both strides of 2 to 1, so that the last map has the size of the image.

    Source: Wang et al., Unsupervised Degradation Representation Learning for Blind Super-Resolution, 2021.
    Their input is RGB in 0..255 with nothing subtracted, here it is RGB in [0, 1]: the batch norm after the
    first convolution takes the factor out.
    """

    def __init__(self, *, in_channels: int = 3, downsample: bool = True) -> None:
        super().__init__()
        stride = 2 if downsample else 1
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*_conv_bn_lrelu(in_channels, 64, 1), *_conv_bn_lrelu(64, 64, 1)),
                nn.Sequential(*_conv_bn_lrelu(64, 128, stride), *_conv_bn_lrelu(128, 128, 1)),
                nn.Sequential(*_conv_bn_lrelu(128, 256, stride), *_conv_bn_lrelu(256, 256, 1)),
            ]
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, in_channels, H, W) to maps of 64, 128 and 256 channels at strides 1, 2, 4 (or 1, 1, 1)."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)


def _conv_bn_lrelu(in_channels: int, out_channels: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
    return convolution, nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.1, inplace=True)
