"""Reading and writing images as they are: gray stays gray, alpha and 16 bits are kept."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from shared.files import open_atomic
from shared.images.files import check_format, decode, encode, not_an_image
from shared.images.header import read_header
from shared.images.png_rows import PngRows

DEEP_SUFFIXES = (".png", ".tif", ".tiff")  # of formats with 16 bits a channel
ALPHA_SUFFIXES = (".png", ".webp")
MAX_BYTES_PER_PIXEL = 8  # of the largest kind of image, 16-bit RGBA; a file holds hardly more
MAX_METADATA_BYTES = 2**26  # of a file, such as profiles and previews

WriteRows = Callable[[np.ndarray], None]
"""Appends rows (n, W, C) to an image."""


def read_deep_image(path: str | Path, max_pixels: int) -> np.ndarray:
    """Reads an image file with the channels and the depth that it has.

    Palettes are resolved and the EXIF orientation is applied; CMYK becomes RGB. Colour profiles are ignored.

    Args:
        path: a png, jpg, bmp, tif or webp file, whatever its suffix says.
        max_pixels: larger images are refused before they are decoded.

    Returns:
        (H, W, C) uint8 or uint16; C is 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.

    Raises:
        ValueError: naming the file, if it is too large, empty, damaged, not an image, or of a kind that is not handled,
            see `shared.images.files.read_image`.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        if length > MAX_BYTES_PER_PIXEL * max_pixels + MAX_METADATA_BYTES:
            raise ValueError(
                f"{str(path)!r} is a file of {length / 1e6:.0f} MB, too large for an image of {max_pixels / 1e6:g} "
                "megapixels"
            )
        data = file.read()
    header = read_header(data)
    if header is None and data:
        raise not_an_image(path)
    decoded = decode(data, header, path, max_pixels)
    if decoded.ndim == 2:
        return np.ascontiguousarray(decoded[..., None])
    if decoded.shape[2] == 4:
        is_gray = header is not None and header.is_gray
        return np.ascontiguousarray(decoded[..., [0, 3] if is_gray else [2, 1, 0, 3]])
    return np.ascontiguousarray(decoded[..., ::-1])


@contextmanager
def open_image_writer(path: Path, *, height: int, width: int, channels: int, dtype: np.dtype) -> Iterator[WriteRows]:
    """Writes an image that arrives from top to bottom, as a whole or not at all.

    A PNG is written as its rows arrive; any other format takes as much memory as the image, and then as the file.

    Args:
        path: its suffix, one of `IMAGE_SUFFIXES`, selects the format; its folder exists.
        height, width: of the image.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
        dtype: uint8, or uint16 where the suffix is one of `DEEP_SUFFIXES`; alpha needs one of `ALPHA_SUFFIXES`.

    Yields:
        A function that appends rows.

    Raises:
        ValueError: as `check_format`.
        OSError: the folder cannot be written, the disk is full.
    """
    check_format(path, height, width)
    suffix = path.suffix.lower()
    with open_atomic(path) as file:
        if suffix == ".png":
            png = PngRows(file, height=height, width=width, channels=channels, dtype=dtype)
            yield png.write
            png.finish()
            return
        whole = np.empty((height, width, channels), dtype)
        filled = 0

        def write(rows: np.ndarray) -> None:
            nonlocal filled
            whole[filled : filled + len(rows)] = rows
            filled += len(rows)

        yield write
        file.write(encode(_to_storable(whole, suffix), path).data)


def _to_storable(image: np.ndarray, suffix: str) -> np.ndarray:
    """Gives an image the channels that OpenCV writes in a format, in its order."""
    if image.shape[2] == 1 and suffix == ".webp":
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] == 2:
        image = image[..., [0, 0, 0, 1]]
    return image[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[2]]]
