"""Reading and writing of images with their own channels and depth: gray, alpha and 16 bits are kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from shared.files import open_atomic
from shared.images.files import check_format, decode, encode, read_file
from shared.images.header import read_header
from shared.images.metadata import ImageMetadata, encode_with_metadata
from shared.images.png_rows import NO_METADATA, PngRows

DEEP_SUFFIXES = (".png", ".tif", ".tiff")  # formats that can store 16 bits per channel
ALPHA_SUFFIXES = (".png", ".webp")  # formats that can store transparency

WriteRows = Callable[[np.ndarray], None]
"""Function that appends rows, (n, W, C), to an image."""


def read_deep_image(path: str | Path, max_pixels: int) -> np.ndarray:
    """Reads an image file with its own channels and depth.

    Palettes are resolved, the EXIF orientation is applied and CMYK is converted to RGB. Colour profiles are ignored.

    Args:
        path: A file of one of `IMAGE_SUFFIXES`. Its content decides the format, not its suffix.
        max_pixels: Largest accepted number of pixels. Larger images are refused before they are decoded.

    Returns:
        Image, (H, W, C) uint8 or uint16; C is 1 for gray, 2 for gray and alpha, 3 for RGB, 4 for RGBA.

    Raises:
        ValueError: The file is too large, empty, damaged, not an image, or of an unsupported kind, see
            `shared.images.files.read_image`. The message names the file.
        OSError: The file cannot be read.
    """
    return decode_deep_image(read_file(path, max_pixels), path, max_pixels)


def decode_deep_image(data: bytes, path: str | Path, max_pixels: int) -> np.ndarray:
    """Decodes the content of an image file; the rest is as in `read_deep_image`."""
    header = read_header(data)
    decoded = decode(data, header, path, max_pixels)
    if decoded.ndim == 2:
        return np.ascontiguousarray(decoded[..., None])
    if decoded.shape[2] == 4:
        is_gray = header is not None and header.is_gray
        return np.ascontiguousarray(decoded[..., [0, 3] if is_gray else [2, 1, 0, 3]])
    return np.ascontiguousarray(decoded[..., ::-1])


@contextmanager
def open_image_writer(
    path: Path,
    *,
    height: int,
    width: int,
    channels: int,
    dtype: np.dtype,
    replace: bool = True,
    metadata: ImageMetadata = NO_METADATA,
) -> Iterator[WriteRows]:
    """Opens an image file for writing from top to bottom; an error leaves the old file as it was.

    The rows of a PNG are written as they arrive; every other format is collected in memory and encoded at the end.

    Args:
        path: Path of the file. Its suffix, one of `WRITTEN_SUFFIXES`, selects the format; its folder must exist.
        height, width: Size of the image in pixels.
        channels: 1 for gray, 2 for gray and alpha, 3 for RGB, 4 for RGBA; alpha only with `ALPHA_SUFFIXES`.
        dtype: uint8, or uint16, only with `DEEP_SUFFIXES`.
        replace: Whether to replace an existing file.
        metadata: Colour profile, EXIF and resolution, see `fit_to_format`.

    Yields:
        A function that appends rows, (n, W, C).

    Raises:
        ValueError: See `check_format`.
        FileExistsError: The file exists at the end, and is not to be replaced.
        OSError: The folder cannot be written, or the disk is full.
    """
    check_format(path, height, width)
    suffix = path.suffix.lower()
    with open_atomic(path, replace=replace) as file:
        if suffix == ".png":
            png = PngRows(file, height=height, width=width, channels=channels, dtype=dtype, metadata=metadata)
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
        if metadata.names:
            file.write(encode_with_metadata(whole, suffix, metadata))
        else:
            file.write(encode(_to_storable(whole, suffix), path).data)


def _to_storable(image: np.ndarray, suffix: str) -> np.ndarray:
    """Converts an image to the channels, and their order, that OpenCV writes in a format."""
    if image.shape[2] == 1 and suffix == ".webp":
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] == 2:
        image = image[..., [0, 0, 0, 1]]
    return image[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[2]]]
