"""Draws probe sets: for a training run from the space that it trains on, for a report from any space."""

import json

import numpy as np
import torch
from torch import Tensor

from shared.data.sampling import generator_for, source_size
from shared.data.store import ImageStore
from shared.degradations import Degradation, Space, load_space
from shared.probing.probe_set import UNLISTED, ProbeSet

LISTED_WITHOUT_A_GRID = 8  # listed degradations for a space whose YAML names no probe grid
PATCHES = 192  # per listed degradation, spread over the held-out images; with half of them R^2 moved by 0.05 by chance
DRAWN = 10  # degradations drawn from the space per patch, for the linear probes


def build_run_probe(space: Space, store: ImageStore, patch: int, seed: int = 0) -> ProbeSet:
    """Draws the probe set of a space: every patch under every listed degradation, and under some drawn from the space.

    The listed degradations are those of the grid that the space names, else the first draws of a fixed seed.

    Args:
        space: what an encoder is trained on.
        store: held-out images.
        patch: side of the degraded patches in pixels.
        seed: of the patches' places, the drawn degradations and the noise.

    Raises:
        ValueError: an image is too small for a patch.
    """
    generator = generator_for(seed, 0x9B0BE)
    side = source_side(space, patch)
    smallest = int(torch.minimum(store.heights, store.widths).min())
    if smallest < side:
        raise ValueError(f"a held-out image has a side of {smallest} pixels, but a probe patch takes {side}")
    image = torch.arange(len(store)).repeat_interleave(max(1, PATCHES // len(store)))  # (M,)
    top, left = _draw_places(store, image, side, generator)
    listed, names = listed_degradations(space)
    drawn = space.draw(len(image) * DRAWN, generator)
    degradation = Degradation.concatenate([listed.repeat(len(image)), drawn])
    label = np.concatenate([np.arange(len(listed)).repeat(len(image)), np.full(len(drawn), UNLISTED)])
    copies = len(listed) + DRAWN
    return ProbeSet(
        space.name,
        store,
        patch,
        space.margin(),
        image.repeat(copies),
        top.repeat(copies),
        left.repeat(copies),
        _draw_noise(degradation, generator),
        label,
        names,
        np.tile(np.arange(len(image)), copies),
    )


def listed_degradations(space: Space) -> tuple[Degradation, list[str]]:
    """The degradations that a space is judged by, and their names: its probe grid, else draws of a fixed seed.

    Raises:
        ValueError: the grid has another scale.
    """
    if space.probe:
        grid = load_space(space.probe)
        if grid.scale != space.scale:
            raise ValueError(f"space {space.name}: its probe {space.probe} has scale {grid.scale}, not {space.scale}")
        return grid.listed(generator_for(0)), grid.row_names
    listed = space.draw(LISTED_WITHOUT_A_GRID, generator_for(0, 0x115ED))
    return listed, listed.words()


def build_probe_set(space: Space, store: ImageStore, *, patch: int, size: int, seed: int) -> ProbeSet:
    """Draws a probe set of about a given size, under listed or under drawn degradations.

    A space of listed `rows` is crossed: every patch under every row. Of a space with `steps`, every patch gets a
    degradation of its own.

    Args:
        space: what to degrade with.
        store: images that no encoder was trained on, each large enough (`source_side`).
        patch: side of the degraded patches in pixels.
        size: number of degraded patches, at most: patches are spread evenly over the images, and of more images than go
            into it some are drawn.
        seed: of places, drawn degradations and noise.

    Raises:
        ValueError: fewer than two images, too small a size for two images under each degradation, or two degradations
            that nothing could tell apart.
    """
    if len(store) < 2:
        raise ValueError(f"a probe set needs at least two images to hold one out, got {len(store)}: {store.names}")
    generator = generator_for(seed, 0xA11A)
    copies = len(space.row_names) if space.is_list else 1
    if space.is_list and copies < 2:
        raise ValueError(f"probe {space.name} lists one degradation only; to tell apart it takes two or more")
    contents = size // copies
    if contents < 2:
        raise ValueError(
            f"size={size} patches are too few for {copies} degradations of two images: at least {2 * copies}"
        )
    if contents < len(store):
        drawn = torch.randperm(len(store), generator=generator_for(seed, 0x1A6E))[:contents]
        store = store.select(sorted(drawn.tolist()))
    image = torch.arange(len(store)).repeat_interleave(contents // len(store))  # (M,)
    top, left = _draw_places(store, image, source_side(space, patch), generator)
    if space.is_list:
        listed = space.listed(generator)
        _check_rows_differ(space, listed)
        degradation = listed.repeat(len(image))
        label = np.arange(copies).repeat(len(image))
    else:
        degradation = space.draw(len(image), generator)
        if len(set(_serialise(degradation))) < 2:
            raise ValueError(
                f"probe {space.name} has one degradation only, the same in every draw: it takes two or more"
            )
        label = np.full(len(image), UNLISTED)
    return ProbeSet(
        space.name,
        store,
        patch,
        space.margin(),
        image.repeat(copies),
        top.repeat(copies),
        left.repeat(copies),
        _draw_noise(degradation, generator),
        label,
        list(space.row_names) if space.is_list else [],
        np.tile(np.arange(len(image)), copies),
    )


def source_side(space: Space, patch: int) -> int:
    """Side in pixels that an image must have for a patch with its margin."""
    return source_size(patch, space.scale, space.margin())


def _draw_places(store: ImageStore, image: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Top and left of a window in each of the images (M,), (M,) int64 each."""
    place = torch.rand(2, len(image), generator=generator, dtype=torch.float64)
    top = (place[0] * (store.heights[image] - side + 1)).long()
    left = (place[1] * (store.widths[image] - side + 1)).long()
    return top, left


def _draw_noise(degradation: Degradation, generator: torch.Generator) -> Degradation:
    """The same degradations, each with a noise field of its own."""
    return degradation.with_seed(torch.randint(2**62, (len(degradation),), generator=generator))


def _check_rows_differ(space: Space, listed: Degradation) -> None:
    steps = [json.dumps(row["steps"], sort_keys=True, default=str) for row in space.written["rows"]]
    of_rows: tuple[tuple[str, list], ...] = (
        ("name", space.row_names),
        ("steps", steps),
        ("degradation", _serialise(listed)),
    )
    for what, values in of_rows:
        for i, one in enumerate(values):
            before = values.index(one)
            if before < i:
                raise ValueError(
                    f"probe {space.name}: rows {before + 1} ({space.row_names[before]!r}) and {i + 1} "
                    f"({space.row_names[i]!r}) have the same {what}: nothing could tell them apart"
                )


def _serialise(degradation: Degradation) -> list[bytes]:
    """Of each row its operations and their parameters."""
    rows = zip(degradation.operation.numpy(), degradation.parameters.numpy(), strict=True)
    return [operation.tobytes() + parameters.tobytes() for operation, parameters in rows]
