"""The reach and the end size of a sequence of steps, over everything that it can draw.

The reach is the distance, in input pixels, over which a pixel of the output depends on the input.
"""

from shared.degradations.filters.resize import GAUSSIAN_S_FOLD_RADIUS, bicubic_reach
from shared.degradations.filters.sharpen import UNSHARP_MASK_REACH
from shared.degradations.operations import BICUBIC
from shared.degradations.steps import Choice, Step

RESCALE_REACH = 16  # pixels: four taps down and two up, to a quarter of the size
JPEG_REACH = 17  # pixels: a 16-px block of chroma, and one more for its triangle filter


def operation_reach(kind: str, name: str, radius: int, before: float, after: float) -> float:
    """Computes what one operation adds to the reach, in input pixels.

    Args:
        kind: Kind of the operation.
        name: Name of the operation.
        radius: Radius of the blur kernels in pixels.
        before: Size of the image before the operation, relative to the input.
        after: Size of the image after the operation, relative to the input.
    """
    if kind == "blur":
        return radius / before
    if kind == "resize":
        reach = {"bicubic": 2, "plain_bicubic": 2}.get(name, 1) / min(before, after)
        return reach + (GAUSSIAN_S_FOLD_RADIUS / before if name == "gaussian_s_fold" else 0)
    return {"jpeg": JPEG_REACH, "rescale": RESCALE_REACH, "sharpen": UNSHARP_MASK_REACH}.get(kind, 0) / before


def composed_reach(scale: int, kernel_size: int) -> int:
    """Computes the reach of a blur followed by bicubic down-sampling, in input pixels."""
    return kernel_size // 2 + bicubic_reach(scale)


def bound_reach(steps: list[Step], *, scale: int, kernel_size: int, is_shuffled: bool) -> float:
    """Computes an upper bound of the reach over everything that the steps can draw, in input pixels."""
    if not is_shuffled and _is_simple(steps, scale):
        return composed_reach(scale, kernel_size)
    min_of_all_steps = min([1.0, *(low for step in steps for low, _ in _list_size_bounds(step))])
    total, min_size = 0.0, 1.0
    for step in steps:
        sizes = [low for low, _ in _list_size_bounds(step)]
        after = min(sizes, default=min_size)
        before = min_of_all_steps if is_shuffled and step.movable else min_size
        total += max(
            operation_reach(c.operation.kind, c.operation.name, kernel_size // 2, before, min(before, after))
            for c in step.choices
        )
        may_keep_size = step.probability < 1 or len(sizes) < len(step.choices)
        min_size = min(min_size, after) if may_keep_size else after
    return max(total, composed_reach(scale, kernel_size))


def find_end_sizes(steps: list[Step], *, is_shuffled: bool) -> set[float]:
    """Finds the sizes, relative to the input, at which the steps can end."""
    movable = [step for step in steps if is_shuffled and step.movable and _list_size_bounds(step)]
    any_may_be_last = len([step for step in movable if not step.in_order]) > 0 and len(movable) > 1
    ends = {1.0}
    for step in steps:
        sizes = {size for bounds in _list_size_bounds(step) for size in bounds}
        if not sizes:
            continue
        may_keep_size = step.probability < 1 or len(_list_size_bounds(step)) < len(step.choices)
        if any_may_be_last and step in movable:
            may_keep_size = may_keep_size or step is not movable[0]
        ends = ends | sizes if may_keep_size else sizes
    return ends


def check_whole_factors(steps: list[Step], *, is_shuffled: bool) -> None:
    """Refuses an s-fold down-sampling whose factor could be fractional in some draw.

    Raises:
        ValueError: There is one. The message gives the sizes.
    """
    movable = [step for step in steps if is_shuffled and step.movable and _list_size_bounds(step)]
    before: set[float] | None = {1.0}  # the sizes that the image can have; None for a range
    for step in steps:
        may_follow_any = step in movable and not all(other.in_order for other in movable)
        for choice in step.choices:
            if choice.operation.name in ("s_fold", "gaussian_s_fold"):
                after = _find_discrete_sizes(choice)
                if after is None or before is None or may_follow_any:
                    raise ValueError(
                        f"{choice.operation.name} needs a listed relative_size, and no resize to a range of sizes "
                        "before it"
                    )
                for large, small in ((large, small) for large in before for small in after):
                    if abs(large / small - round(large / small)) > 1e-6:
                        raise ValueError(
                            f"{choice.operation.name} needs a whole factor, not one from size {large:g} to {small:g}"
                        )
        resizes = [choice for choice in step.choices if choice.operation.kind == "resize"]
        if resizes:
            may_keep_size = step.probability < 1 or len(resizes) < len(step.choices)
            before = _unite([_find_discrete_sizes(choice) for choice in resizes] + ([before] if may_keep_size else []))


def _unite(parts: list[set[float] | None]) -> set[float] | None:
    """Unites sets of sizes; None if any of them is a range."""
    discrete = [part for part in parts if part is not None]
    return set().union(*discrete) if len(discrete) == len(parts) else None


def _find_discrete_sizes(choice: Choice) -> set[float] | None:
    """Finds the relative sizes that a resizing choice can draw; None if they are a range."""
    size = choice.parameters[0]
    if isinstance(size, str) or (size.kind != "choice" and size.bounds[0] < size.bounds[1]):
        return None
    return set(size.values)


def _is_simple(steps: list[Step], scale: int) -> bool:
    """Whether every draw at most blurs, then resizes to the output size by bicubic, then changes no geometry."""
    kinds = [{choice.operation.kind for choice in step.choices} for step in steps]
    first = 2 if scale > 1 else 1
    if kinds[0] - {"blur", "none"} or any(kind & {"blur", "resize"} for kind in kinds[first:]):
        return False
    if scale == 1:
        return True
    if len(steps) < 2 or steps[1].probability < 1:
        return False
    is_bicubic = all(choice.code == BICUBIC for choice in steps[1].choices)
    return is_bicubic and find_end_sizes(steps, is_shuffled=False) == {1 / scale}


def _list_size_bounds(step: Step) -> list[tuple[float, float]]:
    """Lists the bounds of the relative size of each resizing choice."""
    sizes = (choice.parameters[0] for choice in step.choices if choice.operation.kind == "resize")
    return [size.bounds for size in sizes if not isinstance(size, str)]
