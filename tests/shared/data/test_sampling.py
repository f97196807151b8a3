"""Plans: functions of (seed, step), the same for any number of ranks and workers."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from shared.data.sampling import (
    CropSize,
    PlannedBatches,
    Planner,
    ViewSources,
    apply_symmetries,
    draw_distinct,
    source_size,
)
from shared.data.store import ImageStore
from shared.degradations import load_space


def make_store(sizes: list[tuple[int, int]]) -> ImageStore:
    """Images whose first channel is the image's index, the second the row, the third the column."""
    pixels, offsets, start = [], [], 0
    for index, (height, width) in enumerate(sizes):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        image = torch.stack((torch.full_like(y, index), y, x), -1).to(torch.uint8)
        pixels.append(image.view(-1, 3))
        offsets.append(start)
        start += height * width
    heights, widths = (torch.tensor(side) for side in zip(*sizes, strict=True))
    return ImageStore(torch.cat(pixels), torch.tensor(offsets), heights, widths, [str(i) for i in range(len(sizes))])


def make_planner(**changes) -> Planner:
    settings = {
        "store": make_store([(90, 100), (120, 88), (100, 100), (95, 130)]),
        "space": load_space("blur_noise"),
        "sizes": (CropSize(2, 32), CropSize(3, 24)),
        "sources": ViewSources(),
        "batch_size": 8,
        "seed": 3,
    } | changes
    return Planner(
        settings.pop("store"),
        settings.pop("space"),
        settings.pop("sizes"),
        settings.pop("sources"),
        **settings,
    )


def are_equal(a, b) -> bool:
    parts = ("image", "top", "left", "symmetry")
    return all(torch.equal(getattr(a, part), getattr(b, part)) for part in parts) and (
        torch.equal(a.degradation.parameters, b.degradation.parameters)
        and torch.equal(a.degradation.seed, b.degradation.seed)
    )


def test_a_plan_is_a_function_of_seed_and_step():
    first, again = make_planner(), make_planner()
    again.plan(0)
    assert are_equal(first.plan(5), again.plan(5))
    assert not are_equal(first.plan(5), first.plan(6))
    assert not are_equal(first.plan(5), make_planner(seed=4).plan(5))


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_divide_the_global_batch(world):
    whole = make_planner().plan(7)
    parts = [make_planner(rank=rank, world_size=world).plan(7) for rank in range(world)]
    assert torch.equal(torch.cat([p.image for p in parts]), whole.image)
    assert torch.equal(torch.cat([p.degradation.parameters for p in parts]), whole.degradation.parameters)


def test_crops_are_taken_from_the_planned_positions():
    planner = make_planner()
    plan = planner.plan(0)
    for size, side, crops, first in zip(planner.sizes, planner.source_sizes, planner.fetch(plan), (0, 2), strict=True):
        assert crops.shape == (8 * size.count, 3, side, side)
        corners = crops.view(8, size.count, 3, side, side)[..., 0, 0].long()
        views = slice(first, first + size.count)
        assert torch.equal(corners[..., 0], plan.image[:, views])
        assert torch.equal(corners[..., 1], plan.top[:, views])
        assert torch.equal(corners[..., 2], plan.left[:, views])


def test_crops_have_the_planned_symmetries():
    upright = make_planner(seed=5)
    planner = make_planner(seed=5, sources=ViewSources(turned=True))
    plan = planner.plan(0)
    assert set(plan.symmetry.flatten().tolist()) == set(range(8))
    start = 0
    for crops, expected in zip(planner.fetch(plan), upright.fetch(plan), strict=True):
        count = len(crops) // 8
        elements = plan.symmetry[:, start : start + count].flatten().tolist()
        start += count
        for crop, source, element in zip(crops, expected, elements, strict=True):
            array = source.numpy().transpose(1, 2, 0)
            array = np.fliplr(array) if element & 1 else array
            array = np.flipud(array) if element & 2 else array
            array = array.transpose(1, 0, 2) if element & 4 else array
            assert np.array_equal(crop.numpy().transpose(1, 2, 0), array)


def test_the_eight_symmetries_of_a_square_differ():
    square = torch.arange(27, dtype=torch.uint8).view(1, 3, 3, 3).expand(8, 3, 3, 3)
    assert len({crop.numpy().tobytes() for crop in apply_symmetries(square, torch.arange(8))}) == 8


def test_every_position_is_drawn_and_none_outside():
    planner = make_planner(store=make_store([(54, 53)]), sizes=(CropSize(1, 32),), batch_size=256)
    plan = planner.plan(0)
    assert planner.source_sizes == (source_size(32, 1, 10),) == (52,)
    assert set(plan.top.flatten().tolist()) == {0, 1, 2}
    assert set(plan.left.flatten().tolist()) == {0, 1}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("images", [2, 50])
def test_share_of_views_from_other_images(share, images):
    store = make_store([(60, 60)] * images)
    planner = make_planner(store=store, sources=ViewSources(other_images=share), batch_size=2000)
    image = planner.plan(0).image
    assert set(image.flatten().tolist()) == set(range(images))
    assert (image[:, 1:] != image[:, :1]).float().mean() == pytest.approx(share, abs=0.03)


def test_views_alternate_among_distinct_images():
    planner = make_planner(sizes=(CropSize(2, 32), CropSize(4, 24)), sources=ViewSources(images=3), batch_size=64)
    image = planner.plan(0).image
    assert torch.equal(image[:, :3], image[:, 3:])
    assert all(len(set(row)) == 3 for row in image[:, :3].tolist())


def test_distinct_draws_are_uniform_over_ordered_choices():
    drawn = draw_distinct(60_000, 3, 4, torch.Generator().manual_seed(0))
    choices, counts = drawn.unique(dim=0, return_counts=True)
    assert len(choices) == 24
    assert all(len(set(row)) == 3 for row in choices.tolist())
    assert (counts - 2500).abs().max() < 5 * 2500**0.5


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_that_starts_late_continues_as_the_first_one_would(workers):
    planner = make_planner()
    late = list(
        DataLoader(
            PlannedBatches(planner, 3, 7, fetch=True),
            batch_size=None,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
        )
    )
    assert [plan.step for plan in late] == [3, 4, 5, 6]
    for plan in late:
        assert are_equal(plan, planner.plan(plan.step))
        assert all(torch.equal(a, b) for a, b in zip(plan.crops, planner.fetch(plan), strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"store": make_store([(90, 100), (51, 100)])}, "side of 51 pixels.*needs 52"),
        ({"world_size": 3}, "batch_size 8 cannot be divided among 3"),
        ({"sources": ViewSources(images=2)}, "5 views cannot be divided evenly among views.images=2"),
        ({"sources": ViewSources(images=5)}, r"4 training image\(s\) for views.images=5"),
        ({"store": make_store([(90, 100)]), "sources": ViewSources(other_images=0.1)}, r"1 training image\(s\)"),
    ],
)
def test_unsuitable_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_planner(**changes)
