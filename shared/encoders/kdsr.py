"""KDSR's degradation encoder."""

from torch import Tensor, nn

from shared.encoders.staged_backbone import StagedBackbone

SIZES = {"kdsr_m": (64, 9), "kdsr_l": (128, 5)}  # features and residual blocks of the published students, by name


class KdsrBackbone(StagedBackbone):
    """KDSR's encoder of the LR image without its perceptron: residual blocks and four convolutions at full size.

    Its maps have F, 2 F and 4 F channels at stride 1.

    Args:
        in_channels: Number of channels of the input.
        features: F, the number of channels of the first convolution and the residual blocks.
        blocks: Number of residual blocks.

    Source: Xia et al., "Knowledge Distillation based Degradation Estimation for Blind Super-Resolution", ICLR 2023,
    section 3.2.
    """

    def __init__(self, *, in_channels: int = 3, features: int, blocks: int) -> None:
        super().__init__(
            [
                nn.Sequential(*_make_layers(in_channels, features), *(_Block(features) for _ in range(blocks))),
                nn.Sequential(*_make_layers(features, 2 * features), *_make_layers(2 * features, 2 * features)),
                nn.Sequential(*_make_layers(2 * features, 4 * features)),
            ]
        )


class _Block(nn.Module):
    """Convolution, LeakyReLU, convolution, and a skip connection."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *_make_layers(features, features), nn.Conv2d(features, features, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convolutions(x)


def _make_layers(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.LeakyReLU(0.1)
