"""PNG files written row by row, so that no more of an image than a few rows is ever in memory."""

import struct
import zlib
from typing import BinaryIO

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # per number of channels: gray, gray and alpha, RGB, RGBA
NONE, SUB, UP, PAETH = 0, 1, 2, 4  # filters; Average was hardly ever chosen
LEVEL = 4  # of zlib: on enlarged photographs files are 6 % larger than with 6, in a third of the time
ROW_CHUNK = 16  # choosing their filters takes 20 times their bytes


class PngRows:
    """Writes a PNG file, of which `finish` is the end.

    Args:
        file: open for writing, at its start.
        height, width: of the image.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
        dtype: uint8 or uint16.

    Source: Portable Network Graphics (PNG) Specification, third edition; the filter of a row is the one with the least
    sum of absolute differences, as section 12.7 suggests.
    """

    def __init__(self, file: BinaryIO, *, height: int, width: int, channels: int, dtype: np.dtype) -> None:
        self._file, self._row = file, (width, channels)
        self._bytes_per_pixel = channels * dtype.itemsize
        self._stored = dtype.newbyteorder(">")
        self._above = np.zeros(width * self._bytes_per_pixel, np.uint8)
        self._deflate = zlib.compressobj(LEVEL)
        file.write(SIGNATURE)
        header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, COLOUR_TYPES[channels], 0, 0, 0)
        self._write_chunk(b"IHDR", header)

    def write(self, rows: np.ndarray) -> None:
        """Appends (n, width, channels)."""
        assert rows.shape[1:] == self._row
        for start in range(0, len(rows), ROW_CHUNK):
            part = np.ascontiguousarray(rows[start : start + ROW_CHUNK], self._stored)
            raw = part.view(np.uint8).reshape(len(part), -1)  # (n, width * bytes per pixel)
            self._write_data(self._deflate.compress(self._filtered(raw)))
            self._above = raw[-1].copy()

    def finish(self) -> None:
        """Writes what is left."""
        self._write_data(self._deflate.flush())
        self._write_chunk(b"IEND", b"")

    def _filtered(self, raw: np.ndarray) -> bytes:
        """Each row with the byte of its filter before it."""
        above = np.concatenate((self._above[None], raw[:-1]))
        left, above_left = (_shifted(rows, self._bytes_per_pixel) for rows in (raw, above))
        candidates = {
            NONE: raw,
            SUB: raw - left,
            UP: raw - above,
            PAETH: raw - _paeth(left, above, above_left),
        }
        cost = [np.abs(rows.view(np.int8).astype(np.int16)).sum(1, dtype=np.int64) for rows in candidates.values()]
        chosen = np.argmin(cost, axis=0)  # (n,)
        stacked = np.empty((len(raw), 1 + raw.shape[1]), np.uint8)
        for i, (code, rows) in enumerate(candidates.items()):
            stacked[chosen == i, 0] = code
            stacked[chosen == i, 1:] = rows[chosen == i]
        return stacked.tobytes()

    def _write_data(self, data: bytes) -> None:
        if data:
            self._write_chunk(b"IDAT", data)

    def _write_chunk(self, kind: bytes, data: bytes) -> None:
        self._file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def _shifted(rows: np.ndarray, by: int) -> np.ndarray:
    """Each row moved to the right, zeros before it."""
    moved = np.zeros_like(rows)
    moved[:, by:] = rows[:, :-by]
    return moved


def _paeth(left: np.ndarray, above: np.ndarray, above_left: np.ndarray) -> np.ndarray:
    """Of three neighbours the one nearest to left + above - above_left; ties go to the left, then to the one above."""
    a, b, c = (rows.astype(np.int16) for rows in (left, above, above_left))
    to_left, to_above, to_both = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where(to_above <= to_both, above, above_left)
    return np.where((to_left <= to_above) & (to_left <= to_both), left, nearest)
