"""The tail of an SR network: features of the LR image's size -> the image at `scale` times that size."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pixel_shuffle, pixel_unshuffle

REACH = 2  # LR pixels that one pixel of the image depends on, to each side: 1.75 at x4, 1.5 at x2
SIDE = 2 * REACH + 1
WORTH = 16  # as many times SIDE x SIDE pixels pay for finding the single convolution


class UpsamplingTail(nn.Sequential):
    """Sub-pixel convolutions (x2 once or twice, x3 once), then a convolution to the image; as in EDSR, RCAN and DASR.

    Nothing in it is non-linear, so that away from the border the whole is one convolution of SIDE x SIDE to 3 * scale^2
    channels and a pixel shuffle, with a tenth of the multiplications at x4. This is what runs, in training too: the
    single convolution is a function of the layers' weights. The outermost LR pixel, beside which every layer puts zeros
    of its own, is made layer by layer, and so are images too small to gain.

    Args:
        features: C.
        scale: 2, 3 or 4.
    """

    def __init__(self, features: int, scale: int) -> None:
        layers: list[nn.Module] = []
        for factor in [3] if scale == 3 else [2] * int(math.log2(scale)):
            layers += [nn.Conv2d(features, features * factor**2, 3, padding=1), nn.PixelShuffle(factor)]
        super().__init__(*layers, nn.Conv2d(features, 3, 3, padding=1))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 3, scale * h, scale * w)."""
        if torch.compiler.is_exporting() or not self._pays(features):
            return super().forward(features)
        s = self.scale
        image = pixel_shuffle(conv2d(features, *self._single_convolution(), padding=REACH), s)
        n = REACH + 1  # the outermost pixel and what it depends on
        top, bottom = super().forward(torch.cat((features[..., :n, :], features[..., -n:, :]))).chunk(2)
        left, right = super().forward(torch.cat((features[..., :n], features[..., -n:]))).chunk(2)
        image[..., :s, :], image[..., -s:, :] = top[..., :s, :], bottom[..., -s:, :]
        image[..., :s], image[..., -s:] = left[..., :s], right[..., -s:]
        return image

    def _pays(self, features: Tensor) -> bool:
        height, width = features.shape[-2:]
        return min(height, width) >= SIDE and len(features) * height * width >= WORTH * SIDE**2

    def _single_convolution(self) -> tuple[Tensor, Tensor]:
        """Its weight (3 s^2, C, SIDE, SIDE) and bias (3 s^2,): what the layers make of one pixel, and of none."""
        weight = self.get_parameter(f"{len(self) - 1}.weight")
        channels = weight.shape[1]
        bright = weight.new_zeros(channels, channels, SIDE, SIDE)
        bright[:, :, REACH, REACH].fill_diagonal_(1)
        with torch.autocast(weight.device.type, enabled=False):
            of_one = pixel_unshuffle(self._linear_part(bright), self.scale)  # (C, 3 s^2, SIDE, SIDE)
            of_none = pixel_unshuffle(super().forward(torch.zeros_like(bright[:1])), self.scale)
        return of_one.flip(2, 3).transpose(0, 1), of_none[0, :, REACH, REACH]

    def _linear_part(self, features: Tensor) -> Tensor:
        for layer in self:
            features = conv2d(features, layer.weight, padding=1) if isinstance(layer, nn.Conv2d) else layer(features)
        return features
