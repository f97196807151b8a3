"""Folders of synthetic image files to measure on."""

from pathlib import Path

import cv2
import numpy as np

from shared.data import draw_dead_leaves

SOURCE_IMAGES = 4


def write_images(folder: Path, count: int, side: int) -> Path:
    """Writes different JPEG files of side x side pixels, cut from a few dead-leaves images, into a new folder."""
    folder.mkdir(parents=True)
    sources = [draw_dead_leaves(seed, 2 * side, 2 * side) for seed in range(min(count, SOURCE_IMAGES))]
    corners = np.random.default_rng(0).integers(0, side + 1, (count, 2))
    for number, (top, left) in enumerate(corners):
        crop = sources[number % len(sources)][top : top + side, left : left + side]
        if not cv2.imwrite(str(folder / f"{number:05d}.jpg"), crop):
            raise OSError(f"image {number} of {count} cannot be written to {folder}")
    return folder
