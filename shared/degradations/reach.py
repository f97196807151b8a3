"""How far a pixel of a degraded patch sees, and where a sequence of steps ends: bounds over everything it can draw."""

from collections.abc import Iterator

from shared.degradations.operations import BICUBIC
from shared.degradations.resize import bicubic_reach
from shared.degradations.space_reading import Choice, Step

JPEG_REACH = 17  # pixels: a 16-px block of chroma, and one more by its triangle filter


def reach_of(kind: str, name: str, radius: int, before: float, after: float) -> float:
    """Input pixels that one operation adds to the reach.

    Args:
        kind, name: of the operation.
        radius: of the blur kernels.
        before, after: size of the image relative to the input, before and after the operation.
    """
    if kind == "blur":
        return radius / before
    if kind == "resize":
        return (2 if name == "bicubic" else 1) / min(before, after)
    return JPEG_REACH / before if kind == "jpeg" else 0


def composed_reach(scale: int, kernel_size: int) -> int:
    """Reach of a blur followed by bicubic down-sampling."""
    return kernel_size // 2 + bicubic_reach(scale)


def largest_reach(steps: list[Step], *, scale: int, kernel_size: int, shuffled: bool) -> float:
    """A bound of the reach over everything the steps can draw, in input pixels."""
    if not shuffled and _is_simple(steps, scale):
        return composed_reach(scale, kernel_size)
    smallest_anywhere = min([1.0, *(low for step in steps for low, _ in _sizes(step))])
    total, smallest = 0.0, 1.0
    for step in steps:
        sizes = [low for low, _ in _sizes(step)]
        after = min(sizes, default=smallest)
        before = smallest
        if shuffled and step.movable:
            before = smallest_anywhere
        total += max(
            reach_of(c.operation.kind, c.operation.name, kernel_size // 2, before, min(before, after))
            for c in step.choices
        )
        may_keep = step.probability < 1 or len(sizes) < len(step.choices)
        smallest = min(smallest, after) if may_keep else after
    return max(total, composed_reach(scale, kernel_size))


def end_sizes(steps: list[Step], *, shuffled: bool) -> set[float]:
    """The sizes, relative to the input, at which the steps can end."""
    movable = [step for step in steps if shuffled and step.movable and _sizes(step)]
    any_may_be_last = len([step for step in movable if not step.in_order]) > 0 and len(movable) > 1
    ends = {1.0}
    for step in steps:
        found = {size for bounds in _sizes(step) for size in bounds}
        if not found:
            continue
        keeps = step.probability < 1 or len(_sizes(step)) < len(step.choices)
        if any_may_be_last and step in movable:
            keeps = keeps or step is not movable[0]
        ends = ends | found if keeps else found
    return ends


def check_whole_factors(steps: list[Step], *, shuffled: bool) -> None:
    """Refuse an s-fold down-sampling that some draw would ask for a fractional factor.

    Raises:
        ValueError: says from which size to which.
    """
    movable = [step for step in steps if shuffled and step.movable and _sizes(step)]
    before: set[float] | None = {1.0}  # the sizes the image can have; None: any of a range
    for step in steps:
        from_anywhere = step in movable and len(movable) > 1
        for choice in step.choices:
            if choice.operation.name == "s_fold":
                after = _listed_sizes(choice)
                if after is None or before is None or from_anywhere:
                    raise ValueError("s_fold needs a listed relative_size, and no resize to a range of sizes before it")
                for large, small in ((large, small) for large in before for small in after):
                    if abs(large / small - round(large / small)) > 1e-6:
                        raise ValueError(f"s_fold needs a whole factor, not one from size {large:g} to {small:g}")
        resizes = [choice for choice in step.choices if choice.operation.kind == "resize"]
        if resizes:
            keeps = step.probability < 1 or len(resizes) < len(step.choices)
            before = _union([_listed_sizes(choice) for choice in resizes] + ([before] if keeps else []))


def _union(parts: list[set[float] | None]) -> set[float] | None:
    """All sizes of the parts; None as soon as one is a range."""
    listed = [part for part in parts if part is not None]
    return set().union(*listed) if len(listed) == len(parts) else None


def _listed_sizes(choice: Choice) -> set[float] | None:
    """The relative sizes a resizing choice can draw; None where they are a range."""
    size = choice.parameters[0]
    if isinstance(size, str) or (size.kind != "choice" and size.bounds[0] < size.bounds[1]):
        return None
    return set(size.values)


def _is_simple(steps: list[Step], scale: int) -> bool:
    """Whether every row blurs first, goes to the output size by bicubic, and changes no geometry after."""
    kinds = [{choice.operation.kind for choice in step.choices} for step in steps]
    first = 2 if scale > 1 else 1
    if kinds[0] - {"blur", "none"} or any(kind & {"blur", "resize"} for kind in kinds[first:]):
        return False
    if scale == 1:
        return True
    if len(steps) < 2 or steps[1].probability < 1:
        return False
    return all(choice.code == BICUBIC for choice in steps[1].choices) and end_sizes(steps, shuffled=False) == {
        1 / scale
    }


def _sizes(step: Step) -> list[tuple[float, float]]:
    """Bounds of the relative size of each resizing choice."""
    return [bounds for choice in step.choices for bounds in _size_bounds(choice)]


def _size_bounds(choice: Choice) -> Iterator[tuple[float, float]]:
    size = choice.parameters[0] if choice.operation.kind == "resize" else None
    if size is not None and not isinstance(size, str):
        yield size.bounds
