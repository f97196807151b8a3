"""Pictures on the page: patches without loss, and small copies of the images that they were cut from."""

import base64
from typing import Any

import numpy as np

from analysis.page.data import PageData
from shared.images import LOSSLESS_WEBP

SOURCE_SIDE = 320  # pixels, of the longer side of an image's copy
MANY_IMAGES, SMALL_SIDE = 60, 192  # more images than these get smaller copies
MAX_IMAGES = 400  # with a copy; those of more would be larger than the patches
QUALITY = 80  # of the copies, in which nothing is judged but the place of a patch


def lossless_webp(patch: np.ndarray) -> str:
    """Encodes a patch, (3, p, p) uint8, as base64; a quarter smaller than PNG."""
    return _webp(patch.transpose(1, 2, 0), LOSSLESS_WEBP)


def encode_sources(data: PageData) -> list[dict[str, Any]]:
    """Encodes a small copy of each image, with the size of the image in pixels; none if there are too many."""
    import cv2

    count = len(data.image_names)
    if data.read_image is None or data.boxes is None or count > MAX_IMAGES:
        return []
    longest = SOURCE_SIDE if count <= MANY_IMAGES else SMALL_SIDE
    sources = []
    for index in range(count):
        image = np.ascontiguousarray(data.read_image(index))
        height, width = image.shape[:2]
        scale = min(1.0, longest / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        sources.append({"webp": _webp(small, QUALITY), "width": width, "height": height})
    return sources


def _webp(image: np.ndarray, quality: int) -> str:
    """Encodes (H, W, 3) uint8 RGB as base64."""
    import cv2

    encoded = cv2.imencode(".webp", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return base64.b64encode(encoded.tobytes()).decode()
