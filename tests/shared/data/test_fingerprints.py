"""Fingerprints: images are recognised by their pixels."""

import pytest
import torch

from shared.data.fingerprints import (
    describe_training_images,
    fingerprint_images,
    read_fingerprints,
    remove_seen_images,
)
from shared.data.store import ImageStore


def make_store(*images: torch.Tensor) -> ImageStore:
    heights, widths = (torch.tensor([image.shape[i] for image in images]) for i in (0, 1))
    areas = heights * widths
    pixels = torch.cat([image.reshape(-1, 3) for image in images])
    names = [f"{i}.png" for i in range(len(images))]
    return ImageStore(pixels, areas.cumsum(0) - areas, heights, widths, names)


def noise(height: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (height, width, 3), generator=generator, dtype=torch.uint8)


def test_an_image_is_recognised_at_any_position_and_under_any_name():
    first, second, small = noise(80, 90, 0), noise(80, 90, 1), noise(20, 90, 2)
    metadata = describe_training_images(make_store(first, small))
    assert metadata["training_images"] == 2
    others, removed = remove_seen_images(make_store(second, small, first), read_fingerprints(metadata))
    assert (others.names, removed) == (("0.png",), ["1.png", "2.png"])


def test_other_pixels_and_other_sizes_are_other_images():
    image, mirrored = noise(80, 90, 0), noise(80, 90, 0).flip(1)
    changed = image.clone()
    changed[40, 45, 0] ^= 1
    assert len(set(fingerprint_images(make_store(image, mirrored, changed, image[:70])))) == 4


@pytest.mark.parametrize("metadata", [{}, {"training_image_hashes": None}, {"training_images": 7}])
def test_without_fingerprints_in_the_metadata_no_image_is_removed(metadata):
    store = make_store(noise(80, 90, 0))
    others, removed = remove_seen_images(store, read_fingerprints(metadata))
    assert (len(others), removed) == (1, [])
