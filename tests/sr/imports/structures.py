"""The structures of published networks, rebuilt from their papers with the names of their checkpoints."""

import math

import torch
import torch.nn.functional as F
from torch import nn

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


def conv(inputs: int, outputs: int, size: int = 3, **options) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, **options)


def make_tail(features: int, scale: int) -> nn.Sequential:
    steps = []
    for factor in [3] if scale == 3 else [2] * int(math.log2(scale)):
        steps += [conv(features, features * factor**2), nn.PixelShuffle(factor)]
    return nn.Sequential(nn.Sequential(*steps), conv(features, 3))


class Shift(nn.Conv2d):
    """The 1x1 convolution that subtracts or adds the mean."""

    def __init__(self, peak: float, sign: int, mean=DIV2K_MEAN):
        super().__init__(3, 3, 1)
        with torch.no_grad():
            self.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            self.bias.copy_(sign * peak * torch.tensor(mean))


class Framed(nn.Module):
    """The frame of EDSR, RCAN, DASR and KDSR; `deep` computes the body."""

    def __init__(self, features: int, scale: int, *, peak: float = 255.0, mean=DIV2K_MEAN):
        super().__init__()
        self.sub_mean, self.add_mean = Shift(peak, -1, mean), Shift(peak, 1, mean)
        self.head = nn.Sequential(conv(3, features))
        self.tail = make_tail(features, scale)

    def forward(self, x, *condition):
        shallow = self.head(self.sub_mean(x))
        return self.add_mean(self.tail(self.deep(shallow, *condition) + shallow))

    def deep(self, x):
        return self.body(x)


class EDSRBlock(nn.Module):
    def __init__(self, features: int, residual_scale: float):
        super().__init__()
        self.body = nn.Sequential(conv(features, features), nn.ReLU(), conv(features, features))
        self.residual_scale = residual_scale

    def forward(self, x):
        return x + self.residual_scale * self.body(x)


class EDSR(Framed):
    def __init__(self, *, features=64, blocks=16, scale=4, residual_scale=1.0, **frame):
        super().__init__(features, scale, **frame)
        steps = [EDSRBlock(features, residual_scale) for _ in range(blocks)]
        self.body = nn.Sequential(*steps, conv(features, features))


class ChannelAttention(nn.Module):
    def __init__(self, features: int, reduction: int):
        super().__init__()
        self.conv_du = nn.Sequential(
            conv(features, features // reduction, 1), nn.ReLU(), conv(features // reduction, features, 1), nn.Sigmoid()
        )

    def forward(self, x):
        return x * self.conv_du(x.mean((2, 3), keepdim=True))


class Residual(nn.Module):
    def __init__(self, *steps: nn.Module):
        super().__init__()
        self.body = nn.Sequential(*steps)

    def forward(self, x):
        return x + self.body(x)


class RCAN(Framed):
    def __init__(self, *, features=64, groups=10, blocks=20, scale=4, reduction=16, **frame):
        super().__init__(features, scale, **frame)

        def block() -> nn.Module:
            attention = ChannelAttention(features, reduction)
            return Residual(conv(features, features), nn.ReLU(), conv(features, features), attention)

        steps = [Residual(*(block() for _ in range(blocks)), conv(features, features)) for _ in range(groups)]
        self.body = nn.Sequential(*steps, conv(features, features))


def dasr_tower() -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((3, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1)):
        layers += [conv(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)]
    return layers


class DASREncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.E = nn.Sequential(*dasr_tower(), nn.AdaptiveAvgPool2d(1))
        self.mlp = nn.Sequential(nn.Linear(256, 256), nn.LeakyReLU(0.1), nn.Linear(256, 256))

    def forward(self, x):
        return self.E(x).flatten(1)


class DAConvolution(nn.Module):
    def __init__(self, features: int, width: int, reduction: int):
        super().__init__()
        self.kernel = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.LeakyReLU(0.1), nn.Linear(width, features * 9, bias=False)
        )
        self.conv = conv(features, features, 1)
        self.ca = nn.Module()
        self.ca.conv_du = nn.Sequential(
            conv(width, width // reduction, 1, bias=False),
            nn.LeakyReLU(0.1),
            conv(width // reduction, features, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x, code):
        filtered = torch.stack(
            [
                F.conv2d(one, kernel, padding=1, groups=len(one))
                for one, kernel in zip(x, self.kernel(code).view(len(x), -1, 1, 3, 3), strict=True)
            ]
        )
        return self.conv(F.leaky_relu(filtered, 0.1)) + x * self.ca.conv_du(code[:, :, None, None])


class DASRBlock(nn.Module):
    def __init__(self, features: int, width: int, reduction: int):
        super().__init__()
        self.da_conv1, self.da_conv2 = (DAConvolution(features, width, reduction) for _ in range(2))
        self.conv1, self.conv2 = conv(features, features), conv(features, features)

    def forward(self, x, code):
        inside = F.leaky_relu(self.conv1(F.leaky_relu(self.da_conv1(x, code), 0.1)), 0.1)
        return x + self.conv2(F.leaky_relu(self.da_conv2(inside, code), 0.1))


class DASRGroup(nn.Module):
    def __init__(self, features: int, width: int, blocks: int, reduction: int):
        super().__init__()
        steps = [DASRBlock(features, width, reduction) for _ in range(blocks)]
        self.body = nn.Sequential(*steps, conv(features, features))

    def forward(self, x, code):
        inside = x
        for block in self.body[:-1]:
            inside = block(inside, code)
        return x + self.body[-1](inside)


class DASRNetwork(Framed):
    def __init__(self, features: int, width: int, groups: int, blocks: int, scale: int, reduction: int):
        super().__init__(features, scale)
        self.compress = nn.Sequential(nn.Linear(256, width, bias=False), nn.LeakyReLU(0.1))
        steps = [DASRGroup(features, width, blocks, reduction) for _ in range(groups)]
        self.body = nn.Sequential(*steps, conv(features, features))

    def deep(self, x, vector):
        code = self.compress(vector)
        for group in self.body[:-1]:
            x = group(x, code)
        return self.body[-1](x)


class DASR(nn.Module):
    """Images in 0..255; the encoder of the keys and the queue are no part of published files."""

    def __init__(self, *, features=64, width=64, groups=5, blocks=5, scale=4, reduction=8):
        super().__init__()
        self.G = DASRNetwork(features, width, groups, blocks, scale, reduction)
        self.E = nn.Module()
        self.E.encoder_q = DASREncoder()

    def forward(self, x):
        return self.G(x, self.E.encoder_q(x))


class CdCLEncoder(nn.Module):
    """The encoders of CdCL's training, as in Fast-MoCo: backbone and projector, their average, and the predictor."""

    def __init__(self):
        super().__init__()

        def make() -> nn.Sequential:
            backbone, projector = nn.Module(), nn.Module()
            backbone.E = nn.Sequential(*dasr_tower())
            projector.linear1, projector.bn1 = nn.Linear(256, 256), nn.BatchNorm1d(256)
            projector.linear2, projector.bn2 = nn.Linear(256, 256), nn.BatchNorm1d(256)
            return nn.Sequential(backbone, projector)

        self.encoder, self.encoder_ema, self.predictor = make(), make(), nn.Linear(256, 256)

    def forward(self, x):
        return self.encoder[0].E(x)


class CdCL(nn.Module):
    """Images in 0..1; of its network there is only the tail, which tells the scale."""

    def __init__(self, *, scale=4):
        super().__init__()
        self.G, self.E = nn.Module(), CdCLEncoder()
        self.G.tail = make_tail(16, scale)

    def forward(self, x):
        return self.E(x)


class KDSRBlock(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.da_conv1 = nn.Module()
        self.da_conv1.kernel = nn.Sequential(
            nn.Linear(features, features, bias=False), nn.LeakyReLU(0.1), nn.Linear(features, features * 9, bias=False)
        )
        self.conv1 = conv(features, features)

    def forward(self, x, code):
        kernels = self.da_conv1.kernel(code).view(-1, 1, 3, 3)
        filtered = F.conv2d(x.reshape(1, -1, *x.shape[2:]), kernels, padding=1, groups=len(kernels)).view(x.shape)
        return x + self.conv1(F.leaky_relu(filtered, 0.1))


class KDSRNetwork(Framed):
    def __init__(self, features: int, blocks: int, scale: int, peak: float):
        super().__init__(features, scale, peak=peak)
        row = nn.Module()
        row.body = nn.Sequential(*(KDSRBlock(features) for _ in range(blocks)))
        self.body = nn.Sequential(row, conv(features, features))

    def deep(self, x, code):
        for block in self.body[0].body:
            x = block(x, code)
        return self.body[1](x)


class KDSREncoder(nn.Module):
    def __init__(self, features: int, blocks: int):
        super().__init__()

        def residual() -> nn.Module:
            return Residual(conv(features, features), nn.LeakyReLU(0.1), conv(features, features))

        layers = [conv(3, features), nn.LeakyReLU(0.1), *(residual() for _ in range(blocks))]
        for inputs, outputs in ((1, 2), (2, 2), (2, 4)):
            layers += [conv(inputs * features, outputs * features), nn.LeakyReLU(0.1)]
        self.E = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        wide = 4 * features
        self.mlp = nn.Sequential(nn.Linear(wide, wide), nn.LeakyReLU(0.1), nn.Linear(wide, wide), nn.LeakyReLU(0.1))
        self.compress = nn.Sequential(nn.Linear(wide, features), nn.LeakyReLU(0.1))

    def forward(self, x):
        return self.compress(self.mlp(self.E(x).flatten(1)))


class KDSR(nn.Module):
    """The student; images in 0..1."""

    def __init__(self, *, features=64, blocks=53, encoder_blocks=9, scale=4, peak=1.0):
        super().__init__()
        self.G = KDSRNetwork(features, blocks, scale, peak)
        self.E_st = KDSREncoder(features, encoder_blocks)

    def forward(self, x):
        return self.G(x, self.E_st(x))
