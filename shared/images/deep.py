"""Reading and writing images as they are: gray stays gray, alpha and 16 bits are kept."""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from shared.files import open_atomic
from shared.images.files import IMAGE_SUFFIXES, LOSSLESS_WEBP, decode, directory_value, is_tiff, opencv
from shared.images.png_rows import PngRows

KEEPS_DEPTH = (".png", ".tif", ".tiff")  # 16 bits a channel
KEEPS_ALPHA = (".png", ".webp")
LARGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}  # pixels, of libjpeg and of the format
JPEG_QUALITY = 95
BYTES_PER_PIXEL = 8  # of the largest kind of image, 16-bit RGBA; a file holds hardly more
BESIDE_PIXELS = 2**26  # bytes of a file that may be no pixels, such as profiles and previews
WIDTH, LENGTH = 256, 257  # tags of TIFF 6.0
JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # markers of segments with the size

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
        if length > BYTES_PER_PIXEL * max_pixels + BESIDE_PIXELS:
            raise ValueError(
                f"{str(path)!r} is a file of {length / 1e6:.0f} MB, too large for an image of {max_pixels / 1e6:g} "
                "megapixels"
            )
        data = file.read()
    size = size_of(data)
    if size is not None and size[0] * size[1] > max_pixels:
        raise ValueError(
            f"{str(path)!r} is an image of {size[1]}x{size[0]} pixels, more than {max_pixels / 1e6:g} megapixels"
        )
    if size is None and data:
        raise ValueError(
            f"{str(path)!r} is not an image or is damaged; expected a complete "
            f"{', '.join(suffix.lstrip('.') for suffix in IMAGE_SUFFIXES)} file"
        )
    decoded = decode(data, path)
    if decoded.ndim == 2:
        return np.ascontiguousarray(decoded[..., None])
    if decoded.shape[2] == 4:
        is_gray = data[:4] == b"\x89PNG" and data[25] in (0, 4)  # the colour type
        return np.ascontiguousarray(decoded[..., [0, 3] if is_gray else [2, 1, 0, 3]])
    return np.ascontiguousarray(decoded[..., ::-1])


def size_of(data: bytes) -> tuple[int, int] | None:
    """Height and width that the header of a PNG, JPEG, BMP, TIFF or WebP file tells; None where it tells none."""
    try:
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            width, height = struct.unpack_from(">II", data, 16)
        elif data[:2] == b"\xff\xd8":
            return _size_of_jpeg(data)
        elif data[:2] == b"BM":
            old = struct.unpack_from("<I", data, 14)[0] == 12
            width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _size_of_webp(data)
        elif is_tiff(data):
            width, height = directory_value(data, WIDTH) or 0, directory_value(data, LENGTH) or 0
        else:
            return None
    except struct.error:
        return None
    return (abs(height), abs(width)) if width and height else None


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data):
        marker, length = struct.unpack_from(">HH", data, place)
        if marker == 0xFFFF:  # a byte to fill up
            place += 1
        elif marker & 0xFF in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return height, width
        elif marker < 0xFF00:
            return None
        else:
            place += 2 + length
    return None


def _size_of_webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if len(data) < 30:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[27:30], "little"), 1 + int.from_bytes(data[24:27], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    return None


def check_format(path: Path, height: int, width: int) -> None:
    """Refuses a path whose suffix names no format, or one that cannot hold an image of this size.

    Raises:
        ValueError: in one sentence.
    """
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise ValueError(f"cannot write {str(path)!r}: the suffix must be one of {', '.join(IMAGE_SUFFIXES)}")
    largest = LARGEST_SIDE.get(suffix)
    if largest is not None and max(height, width) > largest:
        raise ValueError(
            f"cannot write {width}x{height} pixels as {str(path)!r}: {suffix} holds {largest} a side; use .png"
        )


@contextmanager
def written_image(path: Path, *, height: int, width: int, channels: int, dtype: np.dtype) -> Iterator[WriteRows]:
    """Writes an image that arrives from top to bottom, as a whole or not at all.

    A PNG is written as its rows arrive; any other format takes as much memory as the image, and then as the file.

    Args:
        path: its suffix, one of `IMAGE_SUFFIXES`, selects the format; its folder exists.
        height, width: of the image.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
        dtype: uint8, or uint16 where the suffix is of `KEEPS_DEPTH`; alpha asks for one of `KEEPS_ALPHA`.

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
        file.write(_encoded(whole, suffix, path).data)


def _encoded(image: np.ndarray, suffix: str, path: Path) -> np.ndarray:
    """The bytes of the file, (n,) uint8."""
    cv2 = opencv()
    if image.shape[2] == 1 and suffix == ".webp":
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] == 2:
        image = image[..., [0, 0, 0, 1]]
    colours = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[2]]
    options = []
    if suffix == ".webp":
        options = [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS_WEBP]
    if suffix in (".jpg", ".jpeg"):
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    try:
        return cv2.imencode(suffix, image[..., colours], options)[1]
    except cv2.error as error:
        raise ValueError(f"cannot write {image.shape} as {str(path)!r}: {error.err.strip()}") from error
