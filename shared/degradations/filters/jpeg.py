"""Baseline JPEG in batches, with one quality per row: colour transform, 4:2:0, 8x8 DCT, quantisation, and back."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-T T.81, annex K, tables K.1 and K.2.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)
# ITU-R BT.601, full range, as JFIF defines it.
LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # of R, G and B
_RGB_TO_YCC = (LUMA_WEIGHTS, (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_YCC_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))

GRID = 16  # pixels: the side of a block of chroma


def _make_dct_matrix(like: Tensor) -> Tensor:
    position = torch.arange(8, dtype=torch.float64)
    frequency = position[:, None]
    matrix = torch.cos((2 * position + 1) * frequency * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.to(like)


def _scale_table(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Scales a quantisation table by qualities, (B,) in 1..100, as libjpeg does, to steps, (B, 8, 8)."""
    quality = quality.round().clamp(1, 100)
    percent = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality)
    base = torch.tensor(table, dtype=quality.dtype, device=quality.device)
    return ((base * percent[:, None, None] + 50) / 100).floor().clamp(1, 255)


def _quantise_planes(plane: Tensor, steps: Tensor) -> Tensor:
    """Quantises the DCT of planes centred on 0, (B, N, H, W) with H and W multiples of 8, by steps (B, 8, 8)."""
    b, n, h, w = plane.shape
    dct = _make_dct_matrix(plane)
    blocks = plane.view(b, n, h // 8, 8, w // 8, 8).transpose(3, 4)  # (B, N, H/8, W/8, 8, 8)
    steps = steps.to(plane).view(b, 1, 1, 1, 8, 8)
    coefficients = ((dct @ blocks @ dct.T) / steps).round_() * steps
    return (dct.T @ coefficients @ dct).transpose(3, 4).reshape(b, n, h, w)


def _convert_colours(images: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("kc,bvchw->bvkhw", torch.tensor(matrix).to(images), images)


def jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Compresses and decompresses images.

    Chroma is averaged over 2x2 pixels (4:2:0) and enlarged again by the triangle filter of common decoders; every plane
    is rounded to 8 bits wherever an encoder or decoder stores it. Sizes that are not multiples of 16 are padded with
    the edge pixels.

    Args:
        images: RGB images, (B, V, 3, H, W) in [0, 1].
        quality: Quality of each row on the scale of libjpeg and OpenCV, (B,), 1..100.

    Returns:
        RGB images, (B, V, 3, H, W) in [0, 1].

    Source: ITU-T T.81; JFIF 1.02.
    """
    b, v, _, h, w = images.shape
    levels = (images.clamp(0, 1) * 255).round_()
    padding = (0, -w % 16, 0, -h % 16)
    levels = F.pad(levels.reshape(b * v, 3, h, w), padding, mode="replicate")
    full_h, full_w = levels.shape[-2:]
    ycc = _convert_colours(levels.view(b, v, 3, full_h, full_w), _RGB_TO_YCC).round_()
    luma = _quantise_planes(ycc[:, :, 0] - 128, _scale_table(_LUMINANCE, quality))
    luma = luma.round_().clamp_(-128, 127) + 128
    chroma = F.avg_pool2d(ycc[:, :, 1:].reshape(b, v * 2, full_h, full_w), 2).round_()
    chroma = _quantise_planes(chroma, _scale_table(_CHROMINANCE, quality)).round_().clamp_(-128, 127)
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear").round_().view(b, v, 2, full_h, full_w)
    rgb = _convert_colours(torch.cat((luma.unsqueeze(2), chroma), 2), _YCC_TO_RGB)
    return rgb[..., :h, :w].round().clamp_(0, 255) / 255


def cropped_jpeg(images: Tensor, quality: Tensor, offset_x: Tensor, offset_y: Tensor) -> Tensor:
    """Compresses and decompresses images as parts of larger ones, as in a photograph that was cropped afterwards.

    Args:
        images: RGB images, (B, V, 3, H, W) in [0, 1].
        quality: Quality of each row, see `jpeg`.
        offset_x, offset_y: Whole pixels by which the first block begins outside the image, (B,), 0..15.

    Returns:
        RGB images, (B, V, 3, H, W) in [0, 1].
    """
    h, w = images.shape[-2:]
    right, down = offset_x.round().long()[:, None], offset_y.round().long()[:, None]
    y, x = (torch.arange(side + GRID - 1, device=images.device) for side in (h, w))
    moved = _take(images, (y - down).clamp(0, h - 1), (x - right).clamp(0, w - 1))
    return _take(jpeg(moved, quality), y[:h] + down, x[:w] + right)


def _take(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Takes rows, (B, h), and columns, (B, w), of images, (B, V, C, H, W)."""
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    taken = images.permute(0, 3, 4, 1, 2)[batch, rows[:, :, None], columns[:, None, :]]  # (B, h, w, V, C)
    return taken.permute(0, 3, 4, 1, 2).contiguous()
