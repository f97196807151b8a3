"""Fingerprints of training images, so that a network is never evaluated on them."""

import hashlib
from typing import Any

import numpy as np

from shared.data.store import ImageStore

MAX_SAMPLES_PER_SIDE = 64  # rows and columns of pixels, spread over an image, that enter its fingerprint
HEX_DIGITS = 12  # among 100,000 images, two fingerprints agree with a probability of 1 in 50,000


def fingerprint(image: np.ndarray) -> str:
    """Hashes the size of an image and pixels spread over it; a crop or a resized copy has another fingerprint.

    Args:
        image: RGB image, (H, W, 3) uint8.
    """
    height, width = image.shape[:2]
    rows, columns = (
        np.linspace(0, side - 1, min(side, MAX_SAMPLES_PER_SIDE)).round().astype(int) for side in (height, width)
    )
    pixels = np.ascontiguousarray(image[rows][:, columns])
    return hashlib.sha256(f"{height} {width}".encode() + pixels.tobytes()).hexdigest()[:HEX_DIGITS]


def fingerprint_images(store: ImageStore) -> list[str]:
    """Computes the `fingerprint` of each image."""
    return [fingerprint(store.image(index).cpu().numpy()) for index in range(len(store))]


def describe_training_images(store: ImageStore) -> dict[str, Any]:
    """Describes training images for the metadata of an artefact: their number and fingerprints."""
    return {"training_images": len(store), "training_image_hashes": " ".join(fingerprint_images(store))}


def read_fingerprints(metadata: dict[str, Any]) -> frozenset[str]:
    """Reads the fingerprints of the training images from the metadata of an artefact; empty if it has none."""
    return frozenset(str(metadata.get("training_image_hashes") or "").split())


def remove_seen_images(store: ImageStore, seen: frozenset[str]) -> tuple[ImageStore, list[str]]:
    """Removes the images on which a network was trained.

    Args:
        store: Images to select from.
        seen: Fingerprints of the training images.

    Returns:
        The other images, and the names of the removed ones.
    """
    is_seen = [digits in seen for digits in fingerprint_images(store)] if seen else [False] * len(store)
    kept = [index for index, removed in enumerate(is_seen) if not removed]
    return store.select(kept), [store.names[index] for index, removed in enumerate(is_seen) if removed]
