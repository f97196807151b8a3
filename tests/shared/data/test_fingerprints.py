import pytest
import torch

from shared.data.fingerprints import fingerprints, seen_fingerprints, training_images, unseen
from shared.data.store import ImageStore


def store_of(*images: torch.Tensor) -> ImageStore:
    heights, widths = (torch.tensor([image.shape[i] for image in images]) for i in (0, 1))
    areas = heights * widths
    pixels = torch.cat([image.reshape(-1, 3) for image in images])
    names = [f"{i}.png" for i in range(len(images))]
    return ImageStore(pixels, areas.cumsum(0) - areas, heights, widths, names)


def noise(height: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (height, width, 3), generator=generator, dtype=torch.uint8)


def test_an_image_is_known_again_whatever_its_place_and_name():
    first, second, small = noise(80, 90, 0), noise(80, 90, 1), noise(20, 90, 2)
    metadata = training_images(store_of(first, small))
    assert metadata["training_images"] == 2
    left, known = unseen(store_of(second, small, first), seen_fingerprints(metadata))
    assert (left.names, known) == (("0.png",), ["1.png", "2.png"])


def test_other_pixels_and_other_sizes_are_other_images():
    image, turned = noise(80, 90, 0), noise(80, 90, 0).flip(1)
    changed = image.clone()
    changed[40, 45, 0] ^= 1
    assert len(set(fingerprints(store_of(image, turned, changed, image[:70])))) == 4


@pytest.mark.parametrize("metadata", [{}, {"training_image_hashes": None}, {"training_images": 7}])
def test_an_artefact_that_keeps_none_has_seen_none_as_far_as_one_knows(metadata):
    store = store_of(noise(80, 90, 0))
    left, known = unseen(store, seen_fingerprints(metadata))
    assert (len(left), known) == (1, [])
