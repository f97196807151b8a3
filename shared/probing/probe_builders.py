"""Construction of probe sets: for a training run from the space that it trains on, for a report from any space."""

import json

import numpy as np
import torch
from torch import Tensor

from shared.data.sampling import make_generator, source_size
from shared.data.store import ImageStore
from shared.degradations import Degradation, Space, load_space
from shared.probing.probe_set import UNLISTED, ProbeSet

LISTED_WITHOUT_GRID = 8  # listed degradations of a space whose YAML names no probe grid
PATCHES = 192  # per listed degradation, spread over the held-out images; with half of them R^2 varied by 0.05 by chance
DRAWN = 10  # degradations drawn from the space per patch, for the linear probes


def build_run_probe(space: Space, store: ImageStore, patch: int, seed: int = 0) -> ProbeSet:
    """Draws the probe set of a space: every patch under every listed degradation, and under some drawn from the space.

    The listed degradations are those of the grid that the space names, else the first draws of a fixed seed.

    Args:
        space: Degradation space that an encoder is trained on.
        store: Held-out images.
        patch: Side of the degraded patches in pixels.
        seed: Seed of the patches' positions, the drawn degradations and the noise.

    Raises:
        ValueError: An image is too small for a patch.
    """
    generator = make_generator(seed, 0x9B0BE)
    side = source_side(space, patch)
    smallest = int(torch.minimum(store.heights, store.widths).min())
    if smallest < side:
        raise ValueError(f"a held-out image has a side of {smallest} pixels, but a probe patch needs {side}")
    image = torch.arange(len(store)).repeat_interleave(max(1, PATCHES // len(store)))  # (M,)
    top, left = _draw_positions(store, image, side, generator)
    listed, names = listed_degradations(space)
    drawn = space.draw(len(image) * DRAWN, generator)
    degradation = Degradation.concatenate([listed.repeat(len(image)), drawn])
    label = np.concatenate([np.arange(len(listed)).repeat(len(image)), np.full(len(drawn), UNLISTED)])
    degradation = _draw_noise(degradation, generator)
    return _combine(space, store, patch, (image, top, left), degradation, label, names)


def listed_degradations(space: Space) -> tuple[Degradation, list[str]]:
    """Returns the degradations that a space is evaluated on, and their names: its probe grid, else seeded draws.

    Raises:
        ValueError: The grid has another scale.
    """
    if space.probe:
        grid = load_space(space.probe)
        if grid.scale != space.scale:
            raise ValueError(f"space {space.name}: its probe {space.probe} has scale {grid.scale}, not {space.scale}")
        return grid.draw_listed(make_generator(0)), grid.row_names
    listed = space.draw(LISTED_WITHOUT_GRID, make_generator(0, 0x115ED))
    return listed, listed.describe()


def build_probe_set(space: Space, store: ImageStore, *, patch: int, size: int, seed: int) -> ProbeSet:
    """Draws a probe set of about a given size, under listed or under drawn degradations.

    A space of listed `rows` is crossed: every patch under every row. With a space of `steps`, every patch gets a
    degradation of its own.

    Args:
        space: Degradations of the probe set.
        store: Images that no encoder was trained on, each large enough (`source_side`).
        patch: Side of the degraded patches in pixels.
        size: Maximum number of degraded patches, spread evenly over the images; if there are too many images for it, a
            random subset of them is used.
        seed: Seed of positions, drawn degradations and noise.

    Raises:
        ValueError: There are fewer than two images, the size is too small for two images under each degradation, or
            two degradations are indistinguishable.
    """
    if len(store) < 2:
        raise ValueError(f"a probe set needs at least two images to hold one out, got {len(store)}: {store.names}")
    generator = make_generator(seed, 0xA11A)
    copies = len(space.row_names) if space.is_list else 1
    if space.is_list and copies < 2:
        raise ValueError(f"probe {space.name} lists only one degradation; it needs two or more")
    contents = size // copies
    if contents < 2:
        raise ValueError(
            f"size={size} patches are too few for {copies} degradations of two images: use at least {2 * copies}"
        )
    if contents < len(store):
        drawn = torch.randperm(len(store), generator=make_generator(seed, 0x1A6E))[:contents]
        store = store.select(sorted(drawn.tolist()))
    image = torch.arange(len(store)).repeat_interleave(contents // len(store))  # (M,)
    top, left = _draw_positions(store, image, source_side(space, patch), generator)
    if space.is_list:
        listed = space.draw_listed(generator)
        _check_rows_differ(space, listed)
        degradation = listed.repeat(len(image))
        label = np.arange(copies).repeat(len(image))
    else:
        degradation = space.draw(len(image), generator)
        if len(set(_serialise(degradation))) < 2:
            raise ValueError(
                f"probe {space.name} has only one degradation, the same in every draw; it needs two or more"
            )
        label = np.full(len(image), UNLISTED)
    names = list(space.row_names) if space.is_list else []
    degradation = _draw_noise(degradation, generator)
    return _combine(space, store, patch, (image, top, left), degradation, label, names)


def source_side(space: Space, patch: int) -> int:
    """Returns the side in pixels that an image needs for a patch with its margin."""
    return source_size(patch, space.scale, space.margin())


def _combine(
    space: Space,
    store: ImageStore,
    patch: int,
    windows: tuple[Tensor, Tensor, Tensor],
    degradation: Degradation,
    label: np.ndarray,
    names: list[str],
) -> ProbeSet:
    """Combines M windows (image, top, left) with degradations in blocks of M, one block per copy of the windows."""
    count = len(windows[0])
    copies = len(degradation) // count
    image, top, left = (values.repeat(copies) for values in windows)
    content = np.tile(np.arange(count), copies)
    return ProbeSet(space.name, store, patch, space.margin(), image, top, left, degradation, label, names, content)


def _draw_positions(store: ImageStore, image: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws top and left of a window in each of the images (M,), (M,) int64 each."""
    position = torch.rand(2, len(image), generator=generator, dtype=torch.float64)
    top = (position[0] * (store.heights[image] - side + 1)).long()
    left = (position[1] * (store.widths[image] - side + 1)).long()
    return top, left


def _draw_noise(degradation: Degradation, generator: torch.Generator) -> Degradation:
    """Gives each degradation a noise field of its own."""
    return degradation.with_seed(torch.randint(2**62, (len(degradation),), generator=generator))


def _check_rows_differ(space: Space, listed: Degradation) -> None:
    steps = [json.dumps(row["steps"], sort_keys=True, default=str) for row in space.definition["rows"]]
    columns: dict[str, list] = {"name": space.row_names, "steps": steps, "degradation": _serialise(listed)}
    for title, values in columns.items():
        for i, value in enumerate(values):
            first = values.index(value)
            if first < i:
                raise ValueError(
                    f"probe {space.name}: rows {first + 1} ({space.row_names[first]!r}) and {i + 1} "
                    f"({space.row_names[i]!r}) have the same {title}; they must differ"
                )


def _serialise(degradation: Degradation) -> list[bytes]:
    """Serialises the operations and parameters of each row."""
    rows = zip(degradation.operation.numpy(), degradation.parameters.numpy(), strict=True)
    return [operation.tobytes() + parameters.tobytes() for operation, parameters in rows]
