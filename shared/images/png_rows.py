"""Writing of PNG files row by row, with only a few rows of the image in memory."""

import struct
import zlib
from typing import BinaryIO

import numpy as np

from shared.images.metadata import ImageMetadata

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels: gray, gray and alpha, RGB, RGBA
NONE, SUB, UP, PAETH = 0, 1, 2, 4  # filters; Average, number 3, was hardly ever the best
ZLIB_LEVEL = 4  # files of enlarged photographs are 6 % larger than at level 6, in a third of the time
NO_METADATA = ImageMetadata()
METRES_PER_INCH, IN_METRES = 0.0254, 1
ROW_CHUNK = 16  # rows per chunk; choosing their filters needs 20 times their bytes


class PngRows:
    """Writer of a PNG file: `write` appends rows, `finish` completes the file.

    Args:
        file: Empty file, open for writing bytes.
        height, width: Size of the image in pixels.
        channels: 1 for gray, 2 for gray and alpha, 3 for RGB, 4 for RGBA.
        dtype: uint8 or uint16.
        metadata: Colour profile, EXIF and resolution to store.

    Source: Portable Network Graphics (PNG) Specification, third edition. Each row gets the filter with the smallest sum
    of absolute differences, as section 12.7 suggests.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        height: int,
        width: int,
        channels: int,
        dtype: np.dtype,
        metadata: ImageMetadata = NO_METADATA,
    ) -> None:
        self._file, self._row = file, (width, channels)
        self._bytes_per_pixel = channels * dtype.itemsize
        self._stored = dtype.newbyteorder(">")
        self._above = np.zeros(width * self._bytes_per_pixel, np.uint8)
        self._deflate = zlib.compressobj(ZLIB_LEVEL)
        file.write(SIGNATURE)
        header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, COLOUR_TYPES[channels], 0, 0, 0)
        self._write_chunk(b"IHDR", header)
        self._write_metadata(metadata)

    def write(self, rows: np.ndarray) -> None:
        """Appends rows, (n, width, channels) of the writer's dtype."""
        assert rows.shape[1:] == self._row
        for start in range(0, len(rows), ROW_CHUNK):
            part = np.ascontiguousarray(rows[start : start + ROW_CHUNK], self._stored)
            raw = part.view(np.uint8).reshape(len(part), -1)  # (n, width * bytes per pixel)
            self._write_data(self._deflate.compress(self._filter(raw)))
            self._above = raw[-1].copy()

    def finish(self) -> None:
        """Writes the rest of the compressed data and the end of the file."""
        self._write_data(self._deflate.flush())
        self._write_chunk(b"IEND", b"")

    def _write_metadata(self, metadata: ImageMetadata) -> None:
        if metadata.icc_profile:
            self._write_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc_profile))
        if metadata.dpi:
            per_metre = (round(resolution / METRES_PER_INCH) for resolution in metadata.dpi)
            self._write_chunk(b"pHYs", struct.pack(">IIB", *per_metre, IN_METRES))
        if metadata.exif:
            self._write_chunk(b"eXIf", metadata.exif)

    def _filter(self, raw: np.ndarray) -> bytes:
        """Filters rows (n, bytes) and puts the code of its filter before each."""
        above = np.concatenate((self._above[None], raw[:-1]))
        left, above_left = (_shift_right(rows, self._bytes_per_pixel) for rows in (raw, above))
        candidates = {
            NONE: raw,
            SUB: raw - left,
            UP: raw - above,
            PAETH: raw - _paeth(left, above, above_left),
        }
        cost = [np.abs(rows.view(np.int8).astype(np.int16)).sum(1, dtype=np.int64) for rows in candidates.values()]
        cheapest = np.argmin(cost, axis=0)  # (n,)
        filtered = np.empty((len(raw), 1 + raw.shape[1]), np.uint8)
        for i, (code, rows) in enumerate(candidates.items()):
            filtered[cheapest == i, 0] = code
            filtered[cheapest == i, 1:] = rows[cheapest == i]
        return filtered.tobytes()

    def _write_data(self, data: bytes) -> None:
        if data:
            self._write_chunk(b"IDAT", data)

    def _write_chunk(self, kind: bytes, data: bytes) -> None:
        self._file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def _shift_right(rows: np.ndarray, by: int) -> np.ndarray:
    """Shifts each row to the right by some bytes and fills with zeros."""
    shifted = np.zeros_like(rows)
    shifted[:, by:] = rows[:, :-by]
    return shifted


def _paeth(left: np.ndarray, above: np.ndarray, above_left: np.ndarray) -> np.ndarray:
    """Predicts each byte by the neighbour nearest to left + above - above_left; on ties left wins, then above."""
    a, b, c = (rows.astype(np.int16) for rows in (left, above, above_left))
    to_left, to_above, to_above_left = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where(to_above <= to_above_left, above, above_left)
    return np.where((to_left <= to_above) & (to_left <= to_above_left), left, nearest)
