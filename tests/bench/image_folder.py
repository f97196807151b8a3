"""Folders of image files to measure on."""

from pathlib import Path

import cv2
import numpy as np

from shared.data import draw_dead_leaves

SOURCE_IMAGES = 4


def write_images(folder: Path, count: int, side: int) -> Path:
    """`count` different JPEG files of side x side pixels, crops of a few dead-leaves images; the folder is made."""
    folder.mkdir(parents=True)
    sources = [draw_dead_leaves(seed, 2 * side, 2 * side) for seed in range(min(count, SOURCE_IMAGES))]
    places = np.random.default_rng(0).integers(0, side + 1, (count, 2))
    for number, (top, left) in enumerate(places):
        crop = sources[number % len(sources)][top : top + side, left : left + side]
        if not cv2.imwrite(str(folder / f"{number:05d}.jpg"), crop):
            raise OSError(f"{folder} cannot take image {number} of {count}")
    return folder
