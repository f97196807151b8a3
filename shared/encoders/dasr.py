"""DASR's degradation encoder."""

from torch import nn

from shared.encoders.staged_backbone import StagedBackbone


class DasrBackbone(StagedBackbone):
    """DASR's degradation encoder without its MLP: six 3x3 convolutions, 256 channels at a quarter of the size.

    Args:
        in_channels: Number of channels of the input.
        downsample: Whether two convolutions have stride 2. Otherwise the last map has the size of the image.

    Source: Wang et al., Unsupervised Degradation Representation Learning for Blind Super-Resolution, 2021. Their input
    is RGB in 0..255, here it is in [0, 1]; the batch norm after the first convolution cancels the factor.
    """

    def __init__(self, *, in_channels: int = 3, downsample: bool = True) -> None:
        stride = 2 if downsample else 1
        super().__init__(
            [
                nn.Sequential(*_make_layers(in_channels, 64, 1), *_make_layers(64, 64, 1)),
                nn.Sequential(*_make_layers(64, 128, stride), *_make_layers(128, 128, 1)),
                nn.Sequential(*_make_layers(128, 256, stride), *_make_layers(256, 256, 1)),
            ]
        )


def _make_layers(in_channels: int, out_channels: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
    return convolution, nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.1, inplace=True)
