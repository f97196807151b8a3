"""The few numbers that say what a degradation does, comparable across families: for probes, controls and tables."""

from collections.abc import Callable

import torch
from torch import Tensor

from shared.degradations.operations import CODES, OPERATIONS
from shared.degradations.pipeline import blur_kernels
from shared.degradations.record import Degradation

PIXEL_VARIANCE = 1 / 12  # of a pixel's own square aperture: without it the log width of an invisible blur would dive
ROUND_BELOW = 0.2  # log ratio of the widths under which a blur has no direction

# name -> (lowest, highest) value of the default spaces, for scaling to about unit range
SUMMARY_RANGES: dict[str, tuple[float, float]] = {
    "log_sigma": (-1.25, 1.4),
    "anisotropy": (0.0, 2.6),
    "sin_2theta": (-1.0, 1.0),
    "cos_2theta": (-1.0, 1.0),
    "noise_sigma": (0.0, 25 / 255),
    "jpeg_quality": (30.0, 100.0),
}


def _covariance(degradation: Degradation) -> Tensor:
    """(B, 2, 2) second moments of all blurs of each row, input pixels squared; widths of several blurs add up."""
    size = degradation.kernel_size
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    total = torch.zeros(len(degradation), 2, 2, dtype=torch.float64)
    relative = torch.ones(len(degradation), dtype=torch.float64)
    resizes = torch.tensor([operation.kind == "resize" for operation in OPERATIONS])
    blurs = torch.tensor([operation.kind == "blur" for operation in OPERATIONS])
    for step in range(degradation.operation.shape[1]):
        codes = degradation.operation[:, step]
        values = degradation.parameters[:, step].double()
        relative = torch.where(resizes[codes], values[:, 0], relative)
        rows = blurs[codes].nonzero().squeeze(1)
        if len(rows) == 0:
            continue
        kernels = blur_kernels(codes[rows], values[rows], size).clamp(min=0)  # a sinc counts by its positive part
        kernels = kernels / kernels.sum((1, 2), keepdim=True)
        xx = (kernels.sum(1) * axis.square()).sum(1)
        yy = (kernels.sum(2) * axis.square()).sum(1)
        xy = (kernels * axis[:, None] * axis[None]).sum((1, 2))
        moments = torch.stack((torch.stack((xx, xy), 1), torch.stack((xy, yy), 1)), 1)
        total[rows] += moments / relative[rows, None, None].square()
    return total


def _strongest(degradation: Degradation, parameter: str, default: float, best: Callable) -> Tensor:
    """Over the steps that have `parameter`, `best` of its values; `default` where none has."""
    result = torch.full((len(degradation),), default, dtype=torch.float64)
    for operation in OPERATIONS:
        if parameter in operation.parameters:
            index = list(operation.parameters).index(parameter)
            values = degradation.parameters[..., index].double()
            here = torch.where(degradation.operation == CODES[operation.name], values, default)
            result = best(result, best(here, dim=1).values)
    return result


def summarise(degradation: Degradation) -> dict[str, Tensor]:
    """What each row does, float64 (B,) per name.

    `log_sigma`: log of the blur's geometric mean width in input pixels, `anisotropy`: log ratio of its widths, both
    with the pixel's own aperture added in quadrature;
    `sin_2theta`, `cos_2theta`: direction of the longer axis, NaN where the blur is round; `noise_sigma`: the strongest
    noise in [0, 1] (a Poisson peak p counts as its deviation at mid-gray, sqrt(0.5 / p)); `jpeg_quality`: the lowest,
    100 without JPEG.
    """
    covariance = _covariance(degradation)
    xx, yy, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    centre, spread = (xx + yy) / 2, torch.hypot((xx - yy) / 2, xy)
    major, minor = centre + spread + PIXEL_VARIANCE, (centre - spread).clamp(min=0) + PIXEL_VARIANCE
    anisotropy = 0.5 * torch.log(major / minor)
    angle = torch.atan2(2 * xy, xx - yy)  # twice the angle of the longer axis
    directed = torch.where(anisotropy > ROUND_BELOW, angle, torch.nan)
    peak = _strongest(degradation, "peak", torch.inf, torch.min)
    return {
        "log_sigma": 0.25 * torch.log(major * minor),
        "anisotropy": anisotropy,
        "sin_2theta": directed.sin(),
        "cos_2theta": directed.cos(),
        "noise_sigma": torch.maximum(_strongest(degradation, "noise_sigma", 0.0, torch.max), (0.5 / peak).sqrt()),
        "jpeg_quality": _strongest(degradation, "quality", 100.0, torch.min),
    }


def targets(degradation: Degradation) -> Tensor:
    """(B, 6) float32: the summary scaled to about 0..1, directions shrunk to 0 as the blur becomes round.

    Distances between these rows say how near two degradations are; the two control methods use them.
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
