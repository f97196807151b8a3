"""Which images a network was trained on, so that it is not judged by them."""

import hashlib
from typing import Any

import numpy as np

from shared.data.store import ImageStore

GRID = 64  # pixels of an image, along each side, that its fingerprint is taken of
DIGITS = 12  # hex: among 100,000 images the chance that any two agree is 1 in 50,000


def fingerprint(image: np.ndarray) -> str:
    """A hash of an image's size and of pixels all over it, (H, W, 3) uint8; another crop or size has another one."""
    height, width = image.shape[:2]
    rows, columns = (np.linspace(0, side - 1, min(side, GRID)).round().astype(int) for side in (height, width))
    pixels = np.ascontiguousarray(image[rows][:, columns])
    return hashlib.sha256(f"{height} {width}".encode() + pixels.tobytes()).hexdigest()[:DIGITS]


def fingerprints(store: ImageStore) -> list[str]:
    """`fingerprint` of each image."""
    return [fingerprint(store.image(index).cpu().numpy()) for index in range(len(store))]


def training_images(store: ImageStore) -> dict[str, Any]:
    """What an artefact's metadata keeps of the images it was trained on."""
    return {"training_images": len(store), "training_image_hashes": " ".join(fingerprints(store))}


def seen_fingerprints(metadata: dict[str, Any]) -> frozenset[str]:
    """Fingerprints of the images that an artefact was trained on; empty where its metadata keeps none."""
    return frozenset(str(metadata.get("training_image_hashes") or "").split())


def unseen(store: ImageStore, seen: frozenset[str]) -> tuple[ImageStore, list[str]]:
    """The images whose fingerprints are not among `seen`, and the names of the others."""
    is_seen = [one in seen for one in fingerprints(store)] if seen else [False] * len(store)
    kept = [index for index, out in enumerate(is_seen) if not out]
    return store.select(kept), [store.names[index] for index, out in enumerate(is_seen) if out]
