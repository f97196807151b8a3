"""Summaries of degradations by a few numbers that are comparable across families."""

from collections.abc import Callable

import torch
from torch import Tensor

from shared.degradations.convolution import make_blur_kernels
from shared.degradations.operations import CODES, OPERATIONS
from shared.degradations.record import Degradation

PIXEL_VARIANCE = 1 / 12  # of the square aperture of a pixel, without which the log width of no blur would be infinite
ROUND_THRESHOLD = 0.2  # log ratio of the widths of a blur, below which it has no direction

# name -> lowest and highest value in the default spaces
SUMMARY_RANGES: dict[str, tuple[float, float]] = {
    "log_sigma": (-1.25, 1.4),
    "anisotropy": (0.0, 2.6),
    "sin_2theta": (-1.0, 1.0),
    "cos_2theta": (-1.0, 1.0),
    "noise_sigma": (0.0, 25 / 255),
    "jpeg_quality": (30.0, 100.0),
}


def _sum_covariances(degradation: Degradation) -> Tensor:
    """Sums the covariances of all blurs of each row, (B, 2, 2) in squared input pixels."""
    size = degradation.kernel_size
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    total = torch.zeros(len(degradation), 2, 2, dtype=torch.float64)
    relative_size = torch.ones(len(degradation), dtype=torch.float64)
    is_resize = torch.tensor([operation.kind == "resize" for operation in OPERATIONS])
    is_blur = torch.tensor([operation.kind == "blur" for operation in OPERATIONS])
    for step in range(degradation.operation.shape[1]):
        codes = degradation.operation[:, step]
        values = degradation.parameters[:, step].double()
        own_blur = torch.where(codes == CODES["gaussian_s_fold"], values[:, 1] / relative_size, 0)
        total += own_blur.square()[:, None, None] * torch.eye(2, dtype=torch.float64)
        relative_size = torch.where(is_resize[codes], values[:, 0], relative_size)
        rows = is_blur[codes].nonzero().squeeze(1)
        if len(rows) == 0:
            continue
        kernels = make_blur_kernels(codes[rows], values[rows], size).clamp(min=0)  # only the positive part of a sinc
        kernels = kernels / kernels.sum((1, 2), keepdim=True)
        xx = (kernels.sum(1) * axis.square()).sum(1)
        yy = (kernels.sum(2) * axis.square()).sum(1)
        xy = (kernels * axis[:, None] * axis[None]).sum((1, 2))
        covariance = torch.stack((torch.stack((xx, xy), 1), torch.stack((xy, yy), 1)), 1)
        total[rows] += covariance / relative_size[rows, None, None].square()
    return total


def _reduce_parameter(degradation: Degradation, parameter: str, default: float, reduce: Callable) -> Tensor:
    """Reduces the values of a parameter over all steps that have it, (B,); `default` if none has."""
    result = torch.full((len(degradation),), default, dtype=torch.float64)
    for operation in OPERATIONS:
        if parameter in operation.parameters:
            index = list(operation.parameters).index(parameter)
            values = degradation.parameters[..., index].double()
            values = torch.where(degradation.operation == CODES[operation.name], values, default)
            result = reduce(result, reduce(values, dim=1).values)
    return result


def summarise(degradation: Degradation) -> dict[str, Tensor]:
    """Summarises each row.

    Returns:
        Values by name, each (B,) float64. `log_sigma`: log of the geometric mean width of the blur in input pixels.
        `anisotropy`: log ratio of its widths. Both include the aperture of a pixel, added in quadrature. `sin_2theta`,
        `cos_2theta`: direction of the longer axis, NaN if the blur is round. `noise_sigma`: strongest noise in units of
        [0, 1], where a Poisson peak p counts with its deviation at mid-gray, sqrt(0.5 / p). `jpeg_quality`: lowest
        quality, 100 without JPEG.
    """
    covariance = _sum_covariances(degradation)
    xx, yy, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    centre, spread = (xx + yy) / 2, torch.hypot((xx - yy) / 2, xy)
    major, minor = centre + spread + PIXEL_VARIANCE, (centre - spread).clamp(min=0) + PIXEL_VARIANCE
    anisotropy = 0.5 * torch.log(major / minor)
    angle = torch.atan2(2 * xy, xx - yy)  # twice the angle of the longer axis
    direction = torch.where(anisotropy > ROUND_THRESHOLD, angle, torch.nan)
    peak = _reduce_parameter(degradation, "peak", torch.inf, torch.min)
    noise_sigma = _reduce_parameter(degradation, "noise_sigma", 0.0, torch.max)
    return {
        "log_sigma": 0.25 * torch.log(major * minor),
        "anisotropy": anisotropy,
        "sin_2theta": direction.sin(),
        "cos_2theta": direction.cos(),
        "noise_sigma": torch.maximum(noise_sigma, (0.5 / peak).sqrt()),
        "jpeg_quality": _reduce_parameter(degradation, "quality", 100.0, torch.min),
    }


def summarise_as_vector(degradation: Degradation) -> Tensor:
    """Summarises each row as a vector of its known parameters, without NaN.

    Distances between these vectors measure how similar degradations are.

    Returns:
        The values of `summarise`, scaled by `SUMMARY_RANGES` to about 0..1, (B, 6) float32. Directions shrink to 0 as
        the blur becomes round.
    """
    summary = summarise(degradation)
    weight = torch.tanh(summary["anisotropy"])
    columns = []
    for name, (low, high) in SUMMARY_RANGES.items():
        values = summary[name]
        if name.endswith("theta"):
            values = weight * values.nan_to_num(0.0)
        columns.append((values - low) / (high - low))
    return torch.stack(columns, 1).float()
