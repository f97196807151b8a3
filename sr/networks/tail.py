"""The tail of an SR network: from features at the size of the LR image to the SR image."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle, pixel_unshuffle

REACH = 2  # LR pixels to each side that an SR pixel depends on, rounded up: 1.75 at x4, 1.5 at x2
SIDE = 2 * REACH + 1  # side of the single convolution's kernel
MIN_KERNEL_AREAS = 16  # kernel areas (or C, if more) that an image needs to repay composing the single convolution


class UpsamplingTail(nn.Sequential):
    """Sub-pixel convolutions (x2 once or twice, x3 once), then a convolution to the image, as in EDSR, RCAN and DASR.

    All layers are linear. Away from the border the tail is therefore one convolution with a SIDE x SIDE kernel to
    3 * scale^2 channels and a pixel shuffle, which needs a tenth of the multiplications at x4. This convolution,
    composed from the weights of the layers, is what runs, in training too. The outermost LR pixel, where every layer
    pads with zeros of its own, is computed layer by layer, and so are images too small to gain from it.

    Args:
        features: C, the number of channels of the features.
        scale: Up-sampling factor: 2, 3 or 4.
    """

    def __init__(self, features: int, scale: int) -> None:
        layers: list[nn.Module] = []
        for factor in [3] if scale == 3 else [2] * int(math.log2(scale)):
            layers += [nn.Conv2d(features, features * factor**2, 3, padding=1), nn.PixelShuffle(factor)]
        super().__init__(*layers, nn.Conv2d(features, 3, 3, padding=1))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """Computes the image, (B, 3, scale * h, scale * w), from features (B, C, h, w)."""
        if torch.compiler.is_exporting() or not self._is_faster_composed(features):
            return super().forward(features)
        s = self.scale
        image = pixel_shuffle(conv2d(features, *self._compose(), padding=REACH), s)
        image[..., :s, :], image[..., -s:, :] = self._compute_borders(features, 2)
        image[..., :s], image[..., -s:] = self._compute_borders(features, 3)
        return image

    def _is_faster_composed(self, features: Tensor) -> bool:
        """Whether the image is large enough to repay composing the single convolution."""
        height, width = features.shape[-2:]
        min_pixels = SIDE**2 * max(MIN_KERNEL_AREAS, features.shape[1])
        return min(height, width) >= SIDE and len(features) * height * width >= min_pixels

    def _compose(self) -> tuple[Tensor, Tensor]:
        """Composes the single convolution: its weight (3 s^2, C, SIDE, SIDE) and bias (3 s^2,).

        The weight is the response of the layers to an impulse in each channel, the bias their response to zeros.
        """
        weight = self.get_parameter(f"{len(self) - 1}.weight")
        channels = weight.shape[1]
        impulses = weight.new_zeros(channels, channels, 3, 3)
        impulses[:, :, 1, 1].fill_diagonal_(1)
        with torch.autocast(weight.device.type, enabled=False):
            response = pixel_unshuffle(self._compute_response(impulses), self.scale)  # (C, 3 s^2, SIDE, SIDE)
            bias = pixel_unshuffle(super().forward(weight.new_zeros(1, channels, SIDE, SIDE)), self.scale)
        return response.flip(2, 3).transpose(0, 1), bias[0, :, REACH, REACH]

    def _compute_response(self, impulses: Tensor) -> Tensor:
        """Computes the response without biases, (C, 3, scale * SIDE, scale * SIDE), to impulses (C, C, 3, 3)."""
        response = impulses
        for layer in self:
            padding = 1 if response is impulses else 2  # the first response fits into 3 x 3, each later one grows
            if isinstance(layer, nn.Conv2d):
                response = conv2d(response, layer.weight, padding=padding)
            else:
                response = layer(response)
        return pad(response, [(self.scale * SIDE - response.shape[-1]) // 2] * 4)

    def _compute_borders(self, features: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        """Computes the first and the last `scale` rows (dim 2) or columns (dim 3) of the image, layer by layer.

        Each convolution pads with zeros beyond the border and loses a pixel on the inner side.
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
