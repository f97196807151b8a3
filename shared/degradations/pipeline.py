"""Application of degradations to batches of images, on the device of the images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.degradations.convolution import compose_with_bicubic, convolve, convolve_same, make_blur_kernels
from shared.degradations.operations import BICUBIC, CODES, NONE, OPERATIONS, Operation, list_codes
from shared.degradations.reach import composed_reach, operation_reach
from shared.degradations.record import Degradation
from shared.devices import exact_convolutions

_BLUR_CODES = torch.tensor(list_codes("blur"))
_RESIZE_CODES = torch.tensor(list_codes("resize"))


@dataclass
class _Group:
    """Rows of a batch whose images have the same size at some step.

    Attributes:
        rows: Indices into the batch, (n,) int64 on the CPU.
        images: Images of these rows, (n, V, C, H, W).
        is_fresh: Whether the images were made by the pipeline, which may then change them in place.
    """

    rows: Tensor
    images: Tensor
    is_fresh: bool = True


def _is_simple(degradation: Degradation) -> Tensor:
    """Whether each row at most blurs, then resizes to the output size by bicubic, then changes no geometry, (B,).

    This depends on the row alone, so that its pixels do not depend on the other rows of the batch.
    """
    operation, scale = degradation.operation, degradation.scale
    is_geometric = torch.isin(operation, torch.cat((_BLUR_CODES, _RESIZE_CODES)))
    is_blur_first = torch.isin(operation[:, 0], _BLUR_CODES) | (operation[:, 0] == NONE)
    if scale == 1:
        return is_blur_first & ~is_geometric[:, 1:].any(1)
    if operation.shape[1] < 2:
        return torch.zeros(len(operation), dtype=torch.bool)
    is_to_output = torch.isclose(degradation.parameters[:, 1, 0], torch.tensor(1 / scale))
    return is_blur_first & (operation[:, 1] == BICUBIC) & is_to_output & ~is_geometric[:, 2:].any(1)


def required_margin(degradation: Degradation) -> int:
    """Computes the margin around a patch, in input pixels, on which its pixels depend.

    Returns:
        The largest margin of all rows, a multiple of the scale.
    """
    is_simple = _is_simple(degradation)
    reach = composed_reach(degradation.scale, degradation.kernel_size) if is_simple.any() else 0
    for steps in degradation[~is_simple].rows():
        size, total = 1.0, 0.0  # size of the image at this step relative to the input
        for name, values in steps:
            after = values.get("relative_size", size)
            total += operation_reach(OPERATIONS[CODES[name]].kind, name, degradation.kernel_size // 2, size, after)
            size = after
        reach = max(reach, int(total + 0.999))
    return -(-reach // degradation.scale) * degradation.scale


@torch.no_grad()
def degrade(images: Tensor, degradation: Degradation, *, margin: int = 0, first_view: int = 0) -> Tensor:
    """Applies to all views of a row the degradation of the row.

    With a margin of at least `required_margin`, no border rule affects the result. Otherwise the borders follow the
    DASR protocol: blur reflects the image, bicubic repeats the edge pixel.

    Args:
        images: Images, (B, V, C, H, W) in [0, 1], including the margin on each side; H and W multiples of the scale.
        degradation: Degradations of the B rows.
        margin: Input pixels to cut from each side, a multiple of the scale.
        first_view: Index of the first of these views among all views of a row; each view has its own noise field.

    Returns:
        Degraded images, (B, V, C, (H - 2 margin) / scale, (W - 2 margin) / scale) in [0, 1], with the dtype of the
        images.

    Raises:
        ValueError: The shapes do not fit each other or the scale.
    """
    scale = degradation.scale
    if images.ndim != 5:
        raise ValueError(f"images must be (B, V, C, H, W), not {tuple(images.shape)}")
    b, v, _, h, w = images.shape
    if b != len(degradation):
        raise ValueError(f"{b} rows of images for {len(degradation)} degradations: the numbers must be equal")
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
    is_simple = _is_simple(degradation)
    size = ((h - 2 * margin) // scale, (w - 2 * margin) // scale)
    output: Tensor | None = None  # needed only if the rows end in several groups
    for rows, are_simple in ((is_simple.nonzero().squeeze(1), True), ((~is_simple).nonzero().squeeze(1), False)):
        if len(rows) == 0:
            continue
        selected = _select_rows(images, rows)
        if are_simple:
            selected = _blur_and_down_sample(selected, degradation, parameters, rows, margin)
        groups = [_Group(rows, selected, is_fresh=selected is not images)]
        first_step = (1 if scale == 1 else 2) if are_simple else 0
        for step in range(first_step, degradation.operation.shape[1]):
            groups = _apply_step(groups, degradation, step, parameters, seed, views, (h, w))
        for group in groups:
            result = group.images
            cut = 0 if are_simple else margin // scale
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


def _select_rows(tensor: Tensor, rows: Tensor) -> Tensor:
    """Selects rows; returns the tensor itself, not a copy, if these are all of them."""
    return tensor if len(rows) == len(tensor) else tensor[rows.to(tensor.device)]


def _blur_and_down_sample(
    images: Tensor, degradation: Degradation, parameters: Tensor, rows: Tensor, margin: int
) -> Tensor:
    """Blurs and resizes to the output size by bicubic, with one strided convolution if the margin allows it."""
    scale, size = degradation.scale, degradation.kernel_size
    values = parameters[rows.to(parameters.device), 0]
    kernels = make_blur_kernels(degradation.operation[rows, 0], values, size)
    if margin >= composed_reach(scale, size):
        return blur_and_down_sample(images, kernels, scale=scale, margin=margin)
    blurred = convolve_same(images, kernels)
    if scale > 1:
        resize = OPERATIONS[BICUBIC].function
        assert resize is not None
        blurred = resize(blurred, (blurred.shape[-2] // scale, blurred.shape[-1] // scale))
    cut = margin // scale
    return blurred[..., cut : blurred.shape[-2] - cut, cut : blurred.shape[-1] - cut]


def blur_and_down_sample(images: Tensor, kernels: Tensor, *, scale: int, margin: int) -> Tensor:
    """Blurs images and down-samples them by bicubic, with one strided convolution.

    Args:
        images: Images, (B, V, C, H, W), including the margin on each side.
        kernels: Blur kernels, (B, k, k).
        scale: Factor of the down-sampling; 1 only blurs.
        margin: Input pixels to cut from each side, at least `composed_reach(scale, k)`.

    Returns:
        Images, (B, V, C, (H - 2 margin) / scale, (W - 2 margin) / scale).
    """
    spare = margin - composed_reach(scale, kernels.shape[-1])
    height, width = images.shape[-2:]
    inside = images[..., spare : height - spare, spare : width - spare]
    return convolve(inside, compose_with_bicubic(kernels, scale), scale)


def _apply_step(
    groups: list[_Group],
    degradation: Degradation,
    step: int,
    parameters: Tensor,
    seed: Tensor,
    views: Tensor,
    input_size: tuple[int, int],
) -> list[_Group]:
    """Applies one step to all rows, with a loop over operations and sizes, not over samples."""
    done: list[_Group] = []
    for group in groups:
        codes = degradation.operation[group.rows, step]
        keys = torch.where(torch.isin(codes, _BLUR_CODES), _BLUR_CODES[0], codes)  # one convolution for all families
        for key in keys.unique().tolist():
            members = (keys == key).nonzero().squeeze(1)
            rows, images = group.rows[members], _select_rows(group.images, members)
            is_fresh = group.is_fresh or images is not group.images
            on_device = rows.to(images.device)
            values = parameters[on_device, step]
            operation = OPERATIONS[key]
            arguments = [values[:, i] for i in operation.arguments.values()]
            if operation.kind == "resize" and operation.function is not None:
                relative_size = degradation.parameters[rows, step, 0]
                done += _resize(rows, images, is_fresh, operation, relative_size, values, input_size)
                continue
            if operation.kind == "blur":
                images = convolve_same(images, make_blur_kernels(codes[members], values, degradation.kernel_size))
            elif operation.kind == "noise" and operation.function is not None:
                images = operation.function(images, *arguments, seed[on_device], step, views)
            elif operation.kind in ("jpeg", "rescale", "sharpen") and operation.function is not None:
                images = operation.function(images, *arguments)
            elif operation.kind == "quantize":
                images = images.mul_(255) if is_fresh else images.mul(255)
                images = images.round_().clamp_(0, 255).div_(255)
            done.append(_Group(rows, images, is_fresh or operation.kind != "none"))
    return _merge_equal_sizes(done)


def _resize(
    rows: Tensor,
    images: Tensor,
    is_fresh: bool,
    operation: Operation,
    relative_size: Tensor,
    values: Tensor,
    input_size: tuple[int, int],
) -> list[_Group]:
    assert operation.function is not None
    groups = []
    for value in relative_size.unique().tolist():
        members = (relative_size == value).nonzero().squeeze(1)
        size = (max(1, round(input_size[0] * value)), max(1, round(input_size[1] * value)))
        own = _select_rows(values, members)
        arguments = (own[:, i] for i in operation.arguments.values())
        resized = operation.function(_select_rows(images, members), size, *arguments)
        groups.append(_Group(rows[members], resized, is_fresh or resized is not images))
    return groups


def _merge_equal_sizes(groups: list[_Group]) -> list[_Group]:
    by_size: dict[torch.Size, list[_Group]] = {}
    for group in groups:
        by_size.setdefault(group.images.shape[-2:], []).append(group)
    merged = []
    for same_size in by_size.values():
        if len(same_size) == 1:
            merged += same_size
        else:
            rows, images = torch.cat([g.rows for g in same_size]), torch.cat([g.images for g in same_size])
            merged.append(_Group(rows, images))
    return merged
