"""Batches as a function of (seed, step): which crops of which images, under which degradations."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from shared.data.sources import ImageStore
from shared.degradations import Degradation, Space
from shared.images import SYMMETRIES, dihedral


@dataclass(frozen=True)
class CropSize:
    """`count` views of `patch` x `patch` pixels after degradation."""

    count: int
    patch: int


@dataclass(frozen=True)
class ViewSources:
    """Which images the views of one degradation come from.

    Attributes:
        other_images: share (0..1) of the views beyond the first that come from another image than the first.
        images: exactly so many images per degradation, the views dealt evenly; 0 leaves it to `other_images`.
        near: rows in succession that differ in one operation only; 1 = all rows are independent.
        turned: each source crop is mirrored and turned by quarter turns at random before it is degraded: new content
            under the same degradation.
    """

    other_images: float = 0.0
    images: int = 0
    near: int = 1
    turned: bool = False


@dataclass(frozen=True)
class Plan:
    """One rank's part of a step: everything that was drawn for it, a few numbers per view.

    Attributes:
        step: micro-step that it was drawn for.
        image, top, left: (B, V) int64, the source crop of each view, margin included.
        turn: (B, V) int64, how it is turned, see `turn_crops`.
        degradation: B rows.
        crops: the source pixels where a loader worker fetched them, else empty; per size (B * V_s, 3, S, S) uint8.
    """

    step: int
    image: Tensor
    top: Tensor
    left: Tensor
    turn: Tensor
    degradation: Degradation
    crops: tuple[Tensor, ...] = ()

    def pin_memory(self) -> "Plan":
        """What a loader calls so that the crops can be copied to a GPU while it computes."""
        return replace(self, crops=tuple(crop.pin_memory() for crop in self.crops))


def generator_for(*numbers: int) -> torch.Generator:
    """A CPU generator whose stream is a function of the numbers (seed, step, ...) alone."""
    state = np.random.SeedSequence([n & 0xFFFFFFFFFFFFFFFF for n in numbers]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


class Planner:
    """Draws the plan of any step.

    The global batch depends on (seed, step) alone; each rank takes its own rows of it, so that the number of devices
    does not change what is trained on.

    Args:
        store: images to crop from.
        space: what is drawn per row.
        sizes: crop sizes, largest first; views are numbered in this order.
        sources: which images the views of a row come from.
        batch_size: rows (degradations) of the global batch.
        seed: of the run.
        rank, world_size: this process among all.

    Raises:
        ValueError: an image is smaller than a crop with its margin; the batch cannot be divided among the ranks; the
            views cannot be dealt evenly among the images.
    """

    def __init__(
        self, store: ImageStore, space: Space, sizes: tuple[CropSize, ...], sources: ViewSources, *,
        batch_size: int, seed: int, rank: int = 0, world_size: int = 1,
    ) -> None:  # fmt: skip
        self.store, self.space, self.sizes, self.sources = store, space, sizes, sources
        self.batch_size, self.seed, self.rank, self.world_size = batch_size, seed, rank, world_size
        self.margin = space.margin()
        self.views = sum(size.count for size in sizes)
        self.source_sizes = tuple(source_size(size.patch, space.scale, self.margin) for size in sizes)
        side = torch.cat([torch.full((size.count,), s) for size, s in zip(sizes, self.source_sizes, strict=True)])
        self._source_side = side  # (V,)
        if batch_size % world_size:
            raise ValueError(f"batch_size {batch_size} cannot be divided among {world_size} devices")
        if sources.images and self.views % sources.images:
            raise ValueError(f"{self.views} views cannot be dealt evenly among views.images={sources.images} images")
        if len(store) < max(sources.images, 2 if sources.other_images else 1):
            raise ValueError(
                f"{len(store)} training image(s) for views.images={sources.images}, "
                f"views.other_images={sources.other_images}: give more images or fewer per degradation"
            )
        if sources.near > 1:
            if batch_size % sources.near:
                raise ValueError(f"batch_size {batch_size} is not a multiple of views.near={sources.near}")
            space.draw_near(sources.near, sources.near, torch.Generator())  # refuses a space that cannot
        self._heights, self._widths = (
            store.heights.cpu(),
            store.widths.cpu(),
        )  # the store may move to a device
        smallest = int(torch.minimum(self._heights, self._widths).min())
        if smallest < max(self.source_sizes):
            raise ValueError(
                f"an image has a side of {smallest} pixels, but a patch of {sizes[0].patch} at scale {space.scale} "
                f"with its margin takes {max(self.source_sizes)}: use smaller crops or larger images"
            )

    def plan(self, step: int) -> Plan:
        """This rank's rows of micro-step `step`."""
        generator = generator_for(self.seed, step)
        if self.sources.near > 1:
            degradation = self.space.draw_near(self.batch_size, self.sources.near, generator)
        else:
            degradation = self.space.draw(self.batch_size, generator)
        image = self._draw_images(generator)
        place = torch.rand(2, self.batch_size, self.views, generator=generator, dtype=torch.float64)
        top = (place[0] * (self._heights[image] - self._source_side + 1)).long()
        left = (place[1] * (self._widths[image] - self._source_side + 1)).long()
        turn = torch.randint(SYMMETRIES if self.sources.turned else 1, image.shape, generator=generator)
        share = self.batch_size // self.world_size
        mine = slice(self.rank * share, (self.rank + 1) * share)
        return Plan(step, image[mine], top[mine], left[mine], turn[mine], degradation[mine])

    def fetch(self, plan: Plan) -> tuple[Tensor, ...]:
        """The source pixels of a plan on the store's device, per size (B * V_s, 3, S, S) uint8."""
        crops, start = [], 0
        for size, side in zip(self.sizes, self.source_sizes, strict=True):
            views = slice(start, start + size.count)
            parts = (plan.image, plan.top, plan.left, plan.turn)
            image, top, left, turn = (part[:, views].reshape(-1) for part in parts)
            crop = self.store.crops(image, top, left, side)
            crops.append(turn_crops(crop, turn) if self.sources.turned else crop)
            start += size.count
        return tuple(crops)

    def _draw_images(self, generator: torch.Generator) -> Tensor:
        rows, number = self.batch_size, len(self.store)
        if self.sources.images:
            chosen = draw_distinct(rows, self.sources.images, number, generator)
            return chosen[:, torch.arange(self.views) % self.sources.images]  # in turn: large views differ too
        first = torch.randint(number, (rows, 1), generator=generator)
        other = first + torch.randint(1, max(2, number), (rows, self.views), generator=generator)
        elsewhere = torch.rand(rows, self.views, generator=generator) < self.sources.other_images
        elsewhere[:, 0] = False
        return torch.where(elsewhere, other % number, first)


class PlannedBatches(IterableDataset):
    """The plans of micro-steps start, start + 1, ..., to be loaded with `batch_size=None`; workers take turns.

    Args:
        planner: draws the plans.
        start: first micro-step; a resumed run starts where it stopped.
        stop: one past the last.
        fetch: also gather the pixels here, in the loader's worker (the set is too large for the device).
    """

    def __init__(self, planner: Planner, start: int, stop: int, fetch: bool) -> None:
        self.planner, self.start, self.stop, self.fetch = planner, start, stop, fetch

    def __iter__(self) -> Iterator[Plan]:
        worker = torch.utils.data.get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in range(self.start + first, self.stop, stride):
            plan = self.planner.plan(step)
            if self.fetch:
                plan = replace(plan, crops=self.planner.fetch(plan))
            yield plan


def draw_distinct(rows: int, count: int, number: int, generator: torch.Generator) -> Tensor:
    """Draws `count` different ones of `number` things for each row, (rows, count) int64."""
    drawn = torch.empty(rows, 0, dtype=torch.int64)
    for taken in range(count):
        one = torch.randint(number - taken, (rows,), generator=generator)
        for earlier in drawn.sort(1).values.unbind(1):  # ascending: count past each one that is taken
            one += one >= earlier
        drawn = torch.cat([drawn, one[:, None]], 1)
    return drawn


def turn_crops(crops: Tensor, turn: Tensor) -> Tensor:
    """Mirrors and turns squares, each by its own symmetry; a loop over the eight symmetries, never over samples.

    Args:
        crops: (M, C, S, S).
        turn: (M,) elements of `shared.images.symmetries.dihedral`, 0..7, on the CPU.

    Returns:
        (M, C, S, S), contiguous.
    """
    result = torch.empty_like(crops, memory_format=torch.contiguous_format)
    for element in turn.unique().tolist():
        rows = (turn == element).nonzero().squeeze(1).to(crops.device)
        result[rows] = dihedral(crops[rows], element)
    return result


def source_size(patch: int, scale: int, margin: int) -> int:
    """Side of the source crop, in input pixels, that a degraded patch with its margin is made from."""
    return patch * scale + 2 * margin
