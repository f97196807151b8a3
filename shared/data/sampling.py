"""Plans of batches, functions of (seed, step) alone: crops of images, and their degradations."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from shared.data.store import ImageStore
from shared.degradations import Degradation, Space
from shared.images import SYMMETRIES, dihedral


@dataclass(frozen=True)
class CropSize:
    """Number and size of the views of one size.

    Attributes:
        count: Views per degradation.
        patch: Side of the views in pixels, after degradation.
    """

    count: int
    patch: int


@dataclass(frozen=True)
class ViewSources:
    """The images that the views of one degradation come from.

    Attributes:
        other_images: Share (0..1) of the views after the first that come from another image than the first.
        images: Number of images per degradation, among which the views are divided evenly; 0 leaves the choice to
            `other_images`.
        near: Number of successive rows that differ in one operation only; 1 for independent rows.
        turned: Whether source crops are mirrored and rotated by quarter turns at random before they are degraded, which
            gives new content under the same degradation.
    """

    other_images: float = 0.0
    images: int = 0
    near: int = 1
    turned: bool = False


@dataclass(frozen=True)
class Plan:
    """One rank's part of a batch: everything that is drawn at random, a few numbers per view.

    Attributes:
        step: Micro-step of the batch.
        image: Index of the image of each view, (B, V) int64.
        top, left: Upper left corner of the source crop of each view, margin included, (B, V) int64.
        symmetry: Symmetry that is applied to the source crop of each view, (B, V) int64, see `apply_symmetries`.
        degradation: Degradations of the B rows.
        crops: Source crops, per size (B * V_s, 3, S, S) uint8, if a loader worker has fetched them; otherwise empty.
    """

    step: int
    image: Tensor
    top: Tensor
    left: Tensor
    symmetry: Tensor
    degradation: Degradation
    crops: tuple[Tensor, ...] = ()

    def pin_memory(self) -> "Plan":
        """Pins the crops, for a loader, so that they are copied to a GPU while it computes."""
        return replace(self, crops=tuple(crop.pin_memory() for crop in self.crops))


def make_generator(*numbers: int) -> torch.Generator:
    """Makes a CPU generator whose stream depends on the numbers (seed, step, ...) alone."""
    state = np.random.SeedSequence([n & 0xFFFFFFFFFFFFFFFF for n in numbers]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


class Planner:
    """Draws the plans of batches.

    The global batch depends on (seed, step) alone, and each rank takes its own rows of it, so that training does not
    depend on the number of devices.

    Args:
        store: Images to crop from.
        space: Degradation space to draw from.
        sizes: Crop sizes, largest first. Views are numbered in this order.
        sources: The images that the views of a row come from.
        batch_size: Rows (degradations) of the global batch.
        seed: Seed of all plans.
        rank: Index of this process.
        world_size: Number of processes.

    Raises:
        ValueError: An image is smaller than a crop with its margin, or the batch cannot be divided among the ranks, or
            the views cannot be divided evenly among the images.
    """

    def __init__(
        self,
        store: ImageStore,
        space: Space,
        sizes: tuple[CropSize, ...],
        sources: ViewSources,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.store, self.space, self.sizes, self.sources = store, space, sizes, sources
        self.batch_size, self.seed, self.rank, self.world_size = batch_size, seed, rank, world_size
        self.margin = space.margin()
        self.views = sum(size.count for size in sizes)
        self.source_sizes = tuple(source_size(size.patch, space.scale, self.margin) for size in sizes)
        side = torch.cat([torch.full((size.count,), s) for size, s in zip(sizes, self.source_sizes, strict=True)])
        self._source_side = side  # (V,)
        self._heights, self._widths = store.heights.cpu(), store.widths.cpu()  # the store may move to a GPU later
        self._check()

    def plan(self, step: int) -> Plan:
        """Draws the plan of this rank's rows of a micro-step."""
        generator = make_generator(self.seed, step)
        if self.sources.near > 1:
            degradation = self.space.draw_near(self.batch_size, self.sources.near, generator)
        else:
            degradation = self.space.draw(self.batch_size, generator)
        image = self._draw_images(generator)
        position = torch.rand(2, self.batch_size, self.views, generator=generator, dtype=torch.float64)
        top = (position[0] * (self._heights[image] - self._source_side + 1)).long()
        left = (position[1] * (self._widths[image] - self._source_side + 1)).long()
        symmetry = torch.randint(SYMMETRIES if self.sources.turned else 1, image.shape, generator=generator)
        share = self.batch_size // self.world_size
        own = slice(self.rank * share, (self.rank + 1) * share)
        return Plan(step, image[own], top[own], left[own], symmetry[own], degradation[own])

    def fetch(self, plan: Plan) -> tuple[Tensor, ...]:
        """Gathers the source crops of a plan on the store's device, per size (B * V_s, 3, S, S) uint8."""
        crops, start = [], 0
        for size, side in zip(self.sizes, self.source_sizes, strict=True):
            views = slice(start, start + size.count)
            parts = (plan.image, plan.top, plan.left, plan.symmetry)
            image, top, left, symmetry = (part[:, views].reshape(-1) for part in parts)
            crop = self.store.crops(image, top, left, side)
            crops.append(apply_symmetries(crop, symmetry) if self.sources.turned else crop)
            start += size.count
        return tuple(crops)

    def _check(self) -> None:
        sources = self.sources
        if self.batch_size % self.world_size:
            raise ValueError(f"batch_size {self.batch_size} cannot be divided among {self.world_size} devices")
        if sources.images and self.views % sources.images:
            raise ValueError(f"{self.views} views cannot be divided evenly among views.images={sources.images} images")
        if len(self.store) < max(sources.images, 2 if sources.other_images else 1):
            raise ValueError(
                f"{len(self.store)} training image(s) for views.images={sources.images}, "
                f"views.other_images={sources.other_images}: give more images or fewer per degradation"
            )
        if sources.near > 1:
            if self.batch_size % sources.near:
                raise ValueError(f"batch_size {self.batch_size} is not a multiple of views.near={sources.near}")
            self.space.draw_near(sources.near, sources.near, torch.Generator())  # refuses unsuitable spaces
        smallest = int(torch.minimum(self._heights, self._widths).min())
        if smallest < max(self.source_sizes):
            raise ValueError(
                f"an image has a side of {smallest} pixels, but a patch of {self.sizes[0].patch} at scale "
                f"{self.space.scale} with its margin needs {max(self.source_sizes)}: use smaller crops or larger images"
            )

    def _draw_images(self, generator: torch.Generator) -> Tensor:
        """Draws the image of each view of the global batch, (batch_size, V) int64."""
        rows, number = self.batch_size, len(self.store)
        if self.sources.images:
            drawn = draw_distinct(rows, self.sources.images, number, generator)
            return drawn[:, torch.arange(self.views) % self.sources.images]  # alternating, so that large views differ
        first = torch.randint(number, (rows, 1), generator=generator)
        other = first + torch.randint(1, max(2, number), (rows, self.views), generator=generator)
        is_other = torch.rand(rows, self.views, generator=generator) < self.sources.other_images
        is_other[:, 0] = False
        return torch.where(is_other, other % number, first)


class PlannedBatches(IterableDataset):
    """The plans of successive micro-steps, to be loaded with `batch_size=None`; loader workers alternate.

    Args:
        planner: Planner that draws them.
        start: First micro-step; for a resumed run, the one after its last.
        stop: One past the last micro-step.
        fetch: Whether the loader worker also gathers the source crops, for sets that do not fit the device.
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
    """Draws distinct numbers for each row, uniform over ordered choices.

    Args:
        rows: Number of rows.
        count: Numbers per row.
        number: Numbers to draw from, 0 .. number - 1; at least `count`.
        generator: CPU generator.

    Returns:
        Drawn numbers, (rows, count) int64.
    """
    drawn = torch.empty(rows, 0, dtype=torch.int64)
    for column in range(count):
        new = torch.randint(number - column, (rows,), generator=generator)
        for earlier in drawn.sort(1).values.unbind(1):  # in ascending order, skips each number drawn before
            new += new >= earlier
        drawn = torch.cat([drawn, new[:, None]], 1)
    return drawn


def apply_symmetries(crops: Tensor, elements: Tensor) -> Tensor:
    """Applies to each square its own symmetry, with a loop over the eight symmetries, not over samples.

    Args:
        crops: Square images, (M, C, S, S).
        elements: Symmetries, (M,) int64 on the CPU, 0..7, see `shared.images.dihedral`.

    Returns:
        Images, (M, C, S, S), contiguous.
    """
    result = torch.empty_like(crops, memory_format=torch.contiguous_format)
    for element in elements.unique().tolist():
        rows = (elements == element).nonzero().squeeze(1).to(crops.device)
        result[rows] = dihedral(crops[rows], element)
    return result


def source_size(patch: int, scale: int, margin: int) -> int:
    """Computes the side, in input pixels, of the source crop of a degraded patch.

    Args:
        patch: Side of the patch in pixels, after degradation.
        scale: Down-sampling factor.
        margin: Margin around the patch in input pixels.
    """
    return patch * scale + 2 * margin
