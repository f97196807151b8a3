"""Apply degradations: hr_image + Degradation -> views, batched, on the device of the images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from shared.degradations.operations import BICUBIC, CODES, NONE, OPERATIONS, codes_of
from shared.degradations.reach import composed_reach, reach_of
from shared.degradations.record import Degradation
from shared.degradations.resize import bicubic_taps
from shared.devices import exact_convolutions

_BLUR = torch.tensor(codes_of("blur"))
_RESIZE = torch.tensor(codes_of("resize"))
_MIN_TAP = 1e-20  # taps below are denormal or nearly: no pixel shows them, but a CPU convolves 20 times slower


@dataclass
class _Group:
    """Rows of the batch whose images have the same size at this point."""

    rows: Tensor  # (n,) indices into the batch, on the CPU
    images: Tensor  # (n, V, C, H, W)
    is_fresh: bool = True  # made here, so that it may be written to; otherwise the caller's


def blur_kernels(codes: Tensor, parameters: Tensor, size: int) -> Tensor:
    """The kernel of each row: (B,) codes on the CPU, (B, 4) parameters -> (B, size, size); `none` is the identity."""
    kernels = parameters.new_zeros(len(codes), size, size)
    for code in codes.unique().tolist():
        rows = (codes == code).nonzero().squeeze(1).to(parameters.device)
        operation = OPERATIONS[code]
        if operation.function is None:
            kernels[rows, size // 2, size // 2] = 1
        else:
            values = parameters[rows]
            kernels[rows] = operation.function(size, *(values[:, i] for i in range(len(operation.parameters))))
    return kernels.masked_fill_(kernels.abs() < _MIN_TAP, 0)


def convolve(images: Tensor, kernels: Tensor, stride: int = 1) -> Tensor:
    """Correlate (B, V, C, H, W) images with (B, k, k) kernels, one per row, where the kernel fits ("valid").

    Every plane becomes a channel of one depthwise convolution.
    """
    b, v, c, h, w = images.shape
    planes = b * v * c
    weights = kernels.repeat_interleave(v * c, 0).unsqueeze(1)  # (B V C, 1, k, k)
    out = F.conv2d(images.reshape(1, planes, h, w), weights, stride=stride, groups=planes)
    return out.view(b, v, c, *out.shape[-2:])


@lru_cache(maxsize=8)
def _down_sampling_matrix(factor: int, size: int) -> Tensor:
    """(taps + size - 1, size) float64: composes a kernel column with the bicubic taps."""
    taps = bicubic_taps(factor)
    matrix = torch.zeros(len(taps) + size - 1, size, dtype=torch.float64)
    for column in range(size):
        matrix[column : column + len(taps), column] = taps
    return matrix


def _composed(kernels: Tensor, factor: int) -> Tensor:
    """Kernels of blur followed by bicubic down-sampling, for one strided convolution."""
    if factor == 1:
        return kernels
    matrix = _down_sampling_matrix(factor, kernels.shape[-1]).to(kernels.device)
    return (matrix @ kernels.double() @ matrix.T).to(kernels.dtype)


def _is_simple(degradation: Degradation) -> Tensor:
    """(B,) rows that blur (or not) first, then go to the output size by bicubic, and change no geometry after.

    A property of the row alone, so that the pixels do not depend on which rows share a batch.
    """
    operation, scale = degradation.operation, degradation.scale
    geometric = torch.isin(operation, torch.cat((_BLUR, _RESIZE)))
    blur_first = torch.isin(operation[:, 0], _BLUR) | (operation[:, 0] == NONE)
    if scale == 1:
        return blur_first & ~geometric[:, 1:].any(1)
    if operation.shape[1] < 2:
        return torch.zeros(len(operation), dtype=torch.bool)
    to_output = torch.isclose(degradation.parameters[:, 1, 0], torch.tensor(1 / scale))
    return blur_first & (operation[:, 1] == BICUBIC) & to_output & ~geometric[:, 2:].any(1)


def margin_needed(degradation: Degradation) -> int:
    """Input pixels beyond a patch that its pixels depend on: the largest of all rows, a multiple of the scale."""
    simple = _is_simple(degradation)
    reach = composed_reach(degradation.scale, degradation.kernel_size) if simple.any() else 0
    for steps in degradation[~simple].rows():
        size, total = 1.0, 0.0  # size of the image at this step relative to the input
        for name, values in steps:
            after = values.get("relative_size", size)
            total += reach_of(OPERATIONS[CODES[name]].kind, name, degradation.kernel_size // 2, size, after)
            size = after
        reach = max(reach, int(total + 0.999))
    return -(-reach // degradation.scale) * degradation.scale


@torch.no_grad()
def degrade(images: Tensor, degradation: Degradation, *, margin: int = 0, first_view: int = 0) -> Tensor:
    """Degrade all views of each row in the same way.

    With the margin that `margin_needed` states, no border rule touches the result. Without it the borders follow the
    protocol: blur reflects, bicubic repeats the edge pixel.

    Args:
        images: (B, V, C, H, W) in [0, 1], `margin` pixels on each side included; H and W multiples of the scale.
        degradation: B rows.
        margin: input pixels to cut from each side, a multiple of the scale.
        first_view: index of the first view here among the views of its row: other views get other noise fields.

    Returns:
        (B, V, C, (H - 2 margin) / scale, (W - 2 margin) / scale) in [0, 1], the dtype of the images.

    Raises:
        ValueError: the shapes do not fit each other or the scale.
    """
    scale = degradation.scale
    if images.ndim != 5:
        raise ValueError(f"images must be (B, V, C, H, W), not {tuple(images.shape)}")
    b, v, _, h, w = images.shape
    if b != len(degradation):
        raise ValueError(f"{b} rows of images for {len(degradation)} degradations: the two must be equal")
    if h % scale or w % scale or margin % scale:
        raise ValueError(f"height {h}, width {w} and margin {margin} must be multiples of the scale {scale}")
    if min(h, w) <= 2 * margin:
        raise ValueError(f"nothing is left of height {h}, width {w} after a margin of {margin} on each side")
    with torch.autocast(images.device.type, enabled=False), exact_convolutions():
        return _degrade(images, degradation, margin, torch.arange(first_view, first_view + v, device=images.device))


def _degrade(images: Tensor, degradation: Degradation, margin: int, views: Tensor) -> Tensor:
    b, v, c, h, w = images.shape
    scale = degradation.scale
    parameters = degradation.parameters.to(images)
    seed = degradation.seed.to(images.device)
    simple = _is_simple(degradation)
    size = ((h - 2 * margin) // scale, (w - 2 * margin) // scale)
    output: Tensor | None = None  # only where rows go different ways
    for rows, is_simple in ((simple.nonzero().squeeze(1), True), ((~simple).nonzero().squeeze(1), False)):
        if len(rows) == 0:
            continue
        chosen = _take(images, rows)
        if is_simple:
            chosen = _blur_and_shrink(chosen, degradation, parameters, rows, margin)
        groups = [_Group(rows, chosen, is_fresh=chosen is not images)]
        first_step = (1 if scale == 1 else 2) if is_simple else 0
        for step in range(first_step, degradation.operation.shape[1]):
            groups = _apply_step(groups, degradation, step, parameters, seed, views, (h, w))
        for group in groups:
            result = group.images
            cut = 0 if is_simple else margin // scale
            result = result[..., cut : result.shape[-2] - cut, cut : result.shape[-1] - cut]
            if result.shape[-2:] != size:
                raise ValueError(
                    f"the degradation ends at {tuple(result.shape[-2:])}, not at {size}: "
                    "its last resize must go to 1/scale"
                )
            if torch.equal(group.rows, torch.arange(b)):
                return result.clamp_(0, 1) if group.is_fresh else result.clamp(0, 1)
            if output is None:
                output = images.new_empty(b, v, c, *size)
            output[group.rows.to(images.device)] = result
    assert output is not None
    return output.clamp_(0, 1)


def _take(tensor: Tensor, rows: Tensor) -> Tensor:
    return tensor if len(rows) == len(tensor) else tensor[rows.to(tensor.device)]


def _blur_and_shrink(images: Tensor, degradation: Degradation, parameters: Tensor, rows: Tensor, margin: int) -> Tensor:
    """Blur, then bicubic to the output size: one strided convolution where the margin allows it."""
    scale, size = degradation.scale, degradation.kernel_size
    values = parameters[rows.to(parameters.device), 0]
    kernels = blur_kernels(degradation.operation[rows, 0], values, size)
    reach = composed_reach(scale, size)
    if margin >= reach:
        spare = margin - reach
        h, w = images.shape[-2:]
        return convolve(images[..., spare : h - spare, spare : w - spare], _composed(kernels, scale), scale)
    blurred = _convolve_same(images, kernels)
    if scale > 1:
        resize = OPERATIONS[BICUBIC].function
        assert resize is not None
        blurred = resize(blurred, (blurred.shape[-2] // scale, blurred.shape[-1] // scale))
    cut = margin // scale
    return blurred[..., cut : blurred.shape[-2] - cut, cut : blurred.shape[-1] - cut]


def _convolve_same(images: Tensor, kernels: Tensor) -> Tensor:
    b, v, c, h, w = images.shape
    radius = kernels.shape[-1] // 2
    mode = "reflect" if min(h, w) > radius else "replicate"
    padded = F.pad(images.reshape(b * v, c, h, w), (radius,) * 4, mode=mode)
    return convolve(padded.view(b, v, c, *padded.shape[-2:]), kernels)


def _apply_step(
    groups: list[_Group], degradation: Degradation, step: int,
    parameters: Tensor, seed: Tensor, views: Tensor, input_size: tuple[int, int],
) -> list[_Group]:  # fmt: skip
    """One step for all rows: a loop over the operations and sizes that occur, never over samples."""
    done: list[_Group] = []
    for group in groups:
        codes = degradation.operation[group.rows, step]
        keys = torch.where(torch.isin(codes, _BLUR), _BLUR[0], codes)  # one convolution serves all families
        for key in keys.unique().tolist():
            members = (keys == key).nonzero().squeeze(1)
            rows, images = group.rows[members], _take(group.images, members)
            is_fresh = group.is_fresh or images is not group.images
            on_device = rows.to(images.device)
            values = parameters[on_device, step]
            operation = OPERATIONS[key]
            if operation.kind == "resize" and operation.function is not None:
                relative = degradation.parameters[rows, step, 0]
                done += _resize(rows, images, is_fresh, operation.function, relative, input_size)
                continue
            if operation.kind == "blur":
                images = _convolve_same(images, blur_kernels(codes[members], values, degradation.kernel_size))
            elif operation.kind == "noise" and operation.function is not None:
                images = operation.function(images, values[:, 0], seed[on_device], step, views)
            elif operation.kind == "jpeg" and operation.function is not None:
                images = operation.function(images, values[:, 0])
            elif operation.kind == "quantize":
                images = images.mul_(255) if is_fresh else images.mul(255)
                images = images.round_().clamp_(0, 255).div_(255)
            done.append(_Group(rows, images, is_fresh or operation.kind != "none"))
    return _merge_equal_sizes(done)


def _resize(
    rows: Tensor, images: Tensor, is_fresh: bool, resize: Callable[..., Tensor], relative: Tensor,
    input_size: tuple[int, int],
) -> list[_Group]:  # fmt: skip
    groups = []
    for value in relative.unique().tolist():
        members = (relative == value).nonzero().squeeze(1)
        size = (max(1, round(input_size[0] * value)), max(1, round(input_size[1] * value)))
        resized = resize(_take(images, members), size)
        groups.append(_Group(rows[members], resized, is_fresh or resized is not images))
    return groups


def _merge_equal_sizes(groups: list[_Group]) -> list[_Group]:
    by_size: dict[torch.Size, list[_Group]] = {}
    for group in groups:
        by_size.setdefault(group.images.shape[-2:], []).append(group)
    return [
        same[0] if len(same) == 1
        else _Group(torch.cat([g.rows for g in same]), torch.cat([g.images for g in same]))
        for same in by_size.values()
    ]  # fmt: skip
