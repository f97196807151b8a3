"""Image stores: one tensor of pixels, and crops gathered from it."""

import pickle
import warnings

import numpy as np
import pytest
import torch

from shared.data.store import ImageStore

SIZES = [(40, 50), (31, 64), (90, 33)]


@pytest.fixture
def images() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


@pytest.fixture
def store(tmp_path, images) -> ImageStore:
    (tmp_path / "pixels.bin").write_bytes(b"".join(image.tobytes() for image in images))
    heights, widths = torch.tensor(SIZES).unbind(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # mapping must not warn
        return ImageStore.from_file(tmp_path / "pixels.bin", heights, widths, ["a", "b", "c"])


def draw_windows(store: ImageStore, count: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(len(store), (count,), generator=generator)
    top = (torch.rand(count, generator=generator) * (store.heights[image] - size + 1)).long()
    left = (torch.rand(count, generator=generator) * (store.widths[image] - size + 1)).long()
    return image, top, left


def test_images_and_sizes(store, images):
    assert len(store) == 3
    assert store.nbytes == sum(image.nbytes for image in images)
    for index, image in enumerate(images):
        assert np.array_equal(store.image(index).numpy(), image)


@pytest.mark.parametrize("size", [1, 7, 31])
def test_crops_equal_slices(store, images, size):
    image, top, left = draw_windows(store, 64, size)
    crops = store.crops(image, top, left, size)
    assert crops.shape == (64, 3, size, size)
    assert crops.dtype == torch.uint8
    for crop, i, t, m in zip(crops, image, top, left, strict=True):
        assert np.array_equal(crop.permute(1, 2, 0).numpy(), images[i][t : t + size, m : m + size])


def test_crops_reach_every_corner(store, images):
    size = 31
    for index, (height, width) in enumerate(SIZES):
        image = torch.full((4,), index)
        top = torch.tensor([0, 0, height - size, height - size])
        left = torch.tensor([0, width - size, 0, width - size])
        last = store.crops(image, top, left, size)[3].permute(1, 2, 0).numpy()
        assert np.array_equal(last, images[index][-size:, -size:])


def test_selection_shares_the_pixels(store, images):
    part = store.select([2, 0])
    assert part.names == ("c", "a")
    assert part.pixels.data_ptr() == store.pixels.data_ptr()
    assert part.nbytes == images[2].nbytes + images[0].nbytes
    crop = part.crops(torch.tensor([0]), torch.tensor([5]), torch.tensor([2]), 20)
    assert np.array_equal(crop[0].permute(1, 2, 0).numpy(), images[2][5:25, 2:22])
    assert len(store.select([])) == 0


def test_pickle_carries_the_path_and_not_the_pixels(store, images):
    data = pickle.dumps(store.select([1, 2]))
    assert len(data) < 4000 < store.nbytes
    again = pickle.loads(data)
    assert again.names == ("b", "c")
    assert np.array_equal(again.image(1).numpy(), images[2])


def test_moving_to_the_same_device_is_free(store):
    assert store.to("cpu") is store


def test_moved_store_holds_its_own_images_only(store, images):
    moved = store.select([2, 1]).to("meta")  # a device that every machine has, without values
    assert moved.pixels.device.type == moved.offsets.device.type == moved.widths.device.type == "meta"
    assert moved.pixels.numel() == images[2].nbytes + images[1].nbytes
    assert moved.file is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_moved_store_gives_the_same_crops(store):
    part = store.select([2, 1])
    windows = draw_windows(part, 50, 20)
    moved = part.to("cuda")
    assert moved.to("cuda:0") is moved
    assert torch.equal(moved.crops(*windows, 20).cpu(), part.crops(*windows, 20))
    assert torch.equal(pickle.loads(pickle.dumps(moved)).image(1).cpu(), part.image(1))
