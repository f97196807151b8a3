"""An image cut into overlapping tiles, and the results of the tiles blended into one without a step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from shared.images import Window

ALIGNMENT = 32  # pixels; tiles begin at multiples of it, so that windows and strides of networks fall where they would
MIN_TILE = 64  # pixels a side
RAMP_DIVISOR = 4  # of the overlap: results are blended over a quarter of it to both sides of a border


@dataclass(frozen=True)
class Tiling:
    """How an image is cut.

    Attributes:
        tile: side of what a network sees at once, LR pixels, a multiple of 32.
        overlap: what it sees of that beyond the tile's own part, on each side, a multiple of 16, at most a quarter of
            the tile. A network that reaches no further than three quarters of it gives what it gives for the whole.
    """

    tile: int
    overlap: int

    @property
    def ramp(self) -> int:
        """LR pixels to each side of a border over which two tiles are blended."""
        return self.overlap // RAMP_DIVISOR

    def halve(self) -> "Tiling":
        """Tiles of half the side, not below the smallest."""
        tile = max(MIN_TILE, self.tile // 2 // ALIGNMENT * ALIGNMENT)
        return Tiling(tile, min(self.overlap, tile // 4 // (ALIGNMENT // 2) * (ALIGNMENT // 2)))


class Span(NamedTuple):
    """A tile along one axis, LR pixels.

    Attributes:
        start, stop: what the network sees.
        begin, end: what it contributes to.
        is_first, is_last: whether it is at the image's border.
    """

    start: int
    stop: int
    begin: int
    end: int
    is_first: bool
    is_last: bool


def spans(length: int, tiling: Tiling) -> list[Span]:
    """The tiles along an axis of `length` LR pixels."""
    overlap, step = tiling.overlap, tiling.tile - 2 * tiling.overlap
    count = max(1, -(-(length - 2 * overlap) // step))
    found = []
    for i in range(count):
        first, last, start = i == 0, i == count - 1, i * step
        begin = 0 if first else start + overlap - tiling.ramp
        end = length if last else start + step + overlap + tiling.ramp
        found.append(Span(start, min(length, start + tiling.tile), begin, end, first, last))
    return found


def tile_count(height: int, width: int, tiling: Tiling) -> int:
    """Number of tiles of an image."""
    return len(spans(height, tiling)) * len(spans(width, tiling))


def blend_tiles(
    height: int, width: int, scale: int, tiling: Tiling, compute: Callable[[Window], Tensor]
) -> Iterator[tuple[int, int, Tensor]]:
    """Computes an image tile by tile, in rows; keeps nothing of the results but the strips that are not done yet.

    Args:
        height, width: sides of the image in LR pixels.
        scale: factor by which the result is larger.
        tiling: how the image is cut.
        compute: function from a window (h, w) of the LR image to its result, (C, scale * h, scale * w), floating point.

    Yields:
        Top, left and (C, h, w) of a finished rectangle of the result; together they cover it once.
    """
    rows, columns = spans(height, tiling), spans(width, tiling)
    strip = 2 * tiling.ramp * scale
    above = below = torch.empty(0)  # (C, strip, scale * width): what this row adds to from the one before, and leaves
    for row in rows:
        beside = torch.empty(0)  # (C, rows, strip): what the tile adds to from the one before
        for column in columns:
            window = Window(row.start, column.start, row.stop - row.start, column.stop - column.start)
            part = _contribution(compute(window), row, column, strip, scale)
            top, left = row.begin * scale, column.begin * scale
            if not column.is_first:
                part[..., :strip] += beside
            if not column.is_last:
                part, beside = part[..., : part.shape[-1] - strip], part[..., part.shape[-1] - strip :].clone()
            here = slice(left, left + part.shape[-1])
            if not row.is_first:
                part[:, :strip] += above[..., here]
            if not row.is_last:
                if column.is_first:
                    below = part.new_empty(part.shape[0], strip, width * scale)
                below[..., here] = part[:, part.shape[1] - strip :]
                part = part[:, : part.shape[1] - strip]
            yield top, left, part
        above, below = below, torch.empty(0)


def _contribution(result: Tensor, row: Span, column: Span, strip: int, scale: int) -> Tensor:
    """The part of a tile's result that counts, weighted, (C, h, w)."""
    part = result[
        :,
        (row.begin - row.start) * scale : (row.end - row.start) * scale,
        (column.begin - column.start) * scale : (column.end - column.start) * scale,
    ].clone()
    rising = ((torch.arange(strip) + 0.5) / max(1, strip)).to(part)
    if not row.is_first:
        part[:, :strip] *= rising[:, None]
    if not row.is_last:
        part[:, part.shape[1] - strip :] *= 1 - rising[:, None]
    if not column.is_first:
        part[..., :strip] *= rising
    if not column.is_last:
        part[..., part.shape[2] - strip :] *= 1 - rising
    return part
