"""Convolution of batches with blur kernels, one per row, also composed with bicubic down-sampling."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from shared.degradations.filters.resize import bicubic_taps
from shared.degradations.operations import OPERATIONS

_MIN_TAP = 1e-20  # smaller taps are nearly denormal: invisible in the result, but they slow a CPU down 20 times


def make_blur_kernels(codes: Tensor, parameters: Tensor, size: int) -> Tensor:
    """Makes the blur kernel of each row.

    Args:
        codes: Codes of the blur operations, (B,) on the CPU; `none` gives the identity.
        parameters: Parameters of the operations, (B, 5).
        size: Odd side of the kernels in pixels.

    Returns:
        Kernels, (B, size, size), each of sum 1.
    """
    kernels = parameters.new_zeros(len(codes), size, size)
    for code in codes.unique().tolist():
        rows = (codes == code).nonzero().squeeze(1).to(parameters.device)
        operation = OPERATIONS[code]
        if operation.function is None:
            kernels[rows, size // 2, size // 2] = 1
        else:
            values = parameters[rows]
            kernels[rows] = operation.function(size, *(values[:, i] for i in operation.arguments.values()))
            if "kernel_size" in operation.parameters:
                kernels[rows] = _cut(kernels[rows], values[:, list(operation.parameters).index("kernel_size")])
    return kernels.masked_fill_(kernels.abs() < _MIN_TAP, 0)


def _cut(kernels: Tensor, sizes: Tensor) -> Tensor:
    """Cuts kernels (B, k, k) to sides (B,), where 0 stands for all, and makes their sums 1 again."""
    axis = torch.arange(kernels.shape[-1], device=kernels.device) - kernels.shape[-1] // 2
    is_inside = (axis.abs() <= sizes[:, None] // 2) | (sizes[:, None] == 0)  # (B, k)
    cut = kernels * (is_inside[:, :, None] & is_inside[:, None, :])
    return torch.where((sizes == 0)[:, None, None], kernels, cut / cut.sum((1, 2), keepdim=True))


def convolve(images: Tensor, kernels: Tensor, stride: int = 1) -> Tensor:
    """Correlates images with one kernel per row, without padding.

    Every plane becomes a channel of one depthwise convolution.

    Args:
        images: Images, (B, V, C, H, W).
        kernels: Kernels, (B, k, k).
        stride: Stride in both directions, in pixels.

    Returns:
        Images, (B, V, C, (H - k) // stride + 1, (W - k) // stride + 1).
    """
    b, v, c, h, w = images.shape
    planes = b * v * c
    weights = kernels.repeat_interleave(v * c, 0).unsqueeze(1)  # (B V C, 1, k, k)
    out = F.conv2d(images.reshape(1, planes, h, w), weights, stride=stride, groups=planes)
    return out.view(b, v, c, *out.shape[-2:])


def convolve_same(images: Tensor, kernels: Tensor) -> Tensor:
    """Correlates images with one kernel per row; reflects the border, so that the size stays the same."""
    b, v, c, h, w = images.shape
    radius = kernels.shape[-1] // 2
    mode = "reflect" if min(h, w) > radius else "replicate"
    padded = F.pad(images.reshape(b * v, c, h, w), (radius,) * 4, mode=mode)
    return convolve(padded.view(b, v, c, *padded.shape[-2:]), kernels)


def compose_with_bicubic(kernels: Tensor, factor: int) -> Tensor:
    """Composes blur kernels (B, k, k) with bicubic down-sampling, to be applied with the factor as stride."""
    if factor == 1:
        return kernels
    matrix = _make_down_sampling_matrix(factor, kernels.shape[-1]).to(kernels.device)
    return (matrix @ kernels.double() @ matrix.T).to(kernels.dtype)


@lru_cache(maxsize=8)
def _make_down_sampling_matrix(factor: int, size: int) -> Tensor:
    """Makes the matrix, (taps + size - 1, size) float64, that composes a kernel column with the bicubic taps."""
    taps = bicubic_taps(factor)
    matrix = torch.zeros(len(taps) + size - 1, size, dtype=torch.float64)
    for column in range(size):
        matrix[column : column + len(taps), column] = taps
    return matrix
