"""The tail of an SR network: features of the LR image's size -> the image at `scale` times that size."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle, pixel_unshuffle

REACH = 2  # LR pixels that one pixel of the image depends on, to each side: 1.75 at x4, 1.5 at x2
SIDE = 2 * REACH + 1
WORTH = 16  # times SIDE x SIDE pixels, or once per channel if those are more, pay for finding the single convolution


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
        image[..., :s, :], image[..., -s:, :] = self._beside_borders(features, 2)
        image[..., :s], image[..., -s:] = self._beside_borders(features, 3)
        return image

    def _pays(self, features: Tensor) -> bool:
        height, width = features.shape[-2:]
        worth = SIDE**2 * max(WORTH, features.shape[1])
        return min(height, width) >= SIDE and len(features) * height * width >= worth

    def _single_convolution(self) -> tuple[Tensor, Tensor]:
        """Its weight (3 s^2, C, SIDE, SIDE) and bias (3 s^2,): what the layers make of one pixel, and of none."""
        weight = self.get_parameter(f"{len(self) - 1}.weight")
        channels = weight.shape[1]
        bright = weight.new_zeros(channels, channels, 3, 3)
        bright[:, :, 1, 1].fill_diagonal_(1)
        with torch.autocast(weight.device.type, enabled=False):
            of_one = pixel_unshuffle(self._response(bright), self.scale)  # (C, 3 s^2, SIDE, SIDE)
            of_none = pixel_unshuffle(super().forward(weight.new_zeros(1, channels, SIDE, SIDE)), self.scale)
        return of_one.flip(2, 3).transpose(0, 1), of_none[0, :, REACH, REACH]

    def _response(self, bright: Tensor) -> Tensor:
        """What the layers without biases make of one pixel: (C, C, 3, 3) -> (C, 3, scale * SIDE, scale * SIDE)."""
        response = bright
        for layer in self:
            grown = 1 if response is bright else 2  # one pixel spreads within its 3 x 3, each later convolution beyond
            if isinstance(layer, nn.Conv2d):
                response = conv2d(response, layer.weight, padding=grown)
            else:
                response = layer(response)
        return pad(response, [(self.scale * SIDE - response.shape[-1]) // 2] * 4)

    def _beside_borders(self, features: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        """The first and the last `scale` rows (dim 2) or columns (dim 3) of the image, layer by layer.

        A convolution finds zeros beyond the border and loses a pixel on the inner side.
        """
        size = features.shape[dim]
        first, last = features.narrow(dim, 0, REACH + 1), features.narrow(dim, size - REACH - 1, REACH + 1)
        before, after = ((0, 0, 1, 0), (0, 0, 0, 1)) if dim == 2 else ((1, 0), (0, 1))
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                both = torch.cat((pad(first, before), pad(last, after)))
                both = conv2d(both, layer.weight, layer.bias, padding=(0, 1) if dim == 2 else (1, 0))
            else:
                both = layer(both)
            first, last = both.chunk(2)
        outermost = self.scale
        return first.narrow(dim, 0, outermost), last.narrow(dim, last.shape[dim] - outermost, outermost)
