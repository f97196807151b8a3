"""An image split into overlapping tiles, and the results of the tiles blended without seams."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from shared.images import Window

ALIGNMENT = 32  # pixels; tiles start at its multiples, so that windows and strides are those of the whole image
MIN_TILE = 64  # pixels a side
RAMP_DIVISOR = 4  # results are blended over a quarter of the overlap to each side of a border


@dataclass(frozen=True)
class Tiling:
    """How an image is split into tiles.

    Attributes:
        tile: Side of the tiles that a network processes, in LR pixels, a multiple of 32, at least 64.
        overlap: Margin on each side of a tile, in LR pixels, a multiple of 16, at most a quarter of `tile`. The result
            is that of the whole image if the receptive field reaches no further than three quarters of it.
    """

    tile: int
    overlap: int

    @property
    def ramp(self) -> int:
        """LR pixels to each side of a border over which two tiles are blended."""
        return self.overlap // RAMP_DIVISOR

    def check(self) -> None:
        """Refuses sides that are not multiples, too small or too large.

        Raises:
            ValueError: `tile` or `overlap` is invalid; the message names the valid values.
        """
        if self.tile < MIN_TILE or self.tile % ALIGNMENT:
            raise ValueError(f"tile={self.tile} must be a multiple of {ALIGNMENT}, at least {MIN_TILE}")
        if self.overlap < 0 or self.overlap % (ALIGNMENT // 2) or self.overlap > self.tile // 4:
            raise ValueError(
                f"overlap={self.overlap} must be a multiple of {ALIGNMENT // 2}, at most {self.tile // 4}, a quarter "
                f"of tile={self.tile}"
            )

    def halve(self) -> "Tiling":
        """Returns the tiling with tiles of half the side, at least the smallest."""
        tile = max(MIN_TILE, self.tile // 2 // ALIGNMENT * ALIGNMENT)
        return Tiling(tile, min(self.overlap, tile // 4 // (ALIGNMENT // 2) * (ALIGNMENT // 2)))


class Span(NamedTuple):
    """The extent of a tile along one axis, in LR pixels.

    Attributes:
        start, stop: Range that the network processes.
        begin, end: Range of the result that the tile contributes to.
        is_first, is_last: Whether the tile lies at the border of the image.
    """

    start: int
    stop: int
    begin: int
    end: int
    is_first: bool
    is_last: bool


def split_axis(length: int, tiling: Tiling) -> list[Span]:
    """Splits an axis of `length` LR pixels into tiles."""
    overlap, step = tiling.overlap, tiling.tile - 2 * tiling.overlap
    count = max(1, -(-(length - 2 * overlap) // step))
    spans = []
    for i in range(count):
        first, last, start = i == 0, i == count - 1, i * step
        begin = 0 if first else start + overlap - tiling.ramp
        end = length if last else start + step + overlap + tiling.ramp
        spans.append(Span(start, min(length, start + tiling.tile), begin, end, first, last))
    return spans


def count_tiles(height: int, width: int, tiling: Tiling) -> int:
    """Counts the tiles of an image."""
    return len(split_axis(height, tiling)) * len(split_axis(width, tiling))


def blend_tiles(
    height: int, width: int, scale: int, tiling: Tiling, compute: Callable[[Window], Tensor]
) -> Iterator[tuple[int, int, Tensor]]:
    """Computes an image tile by tile, row by row; of the results it holds only the strips that are not finished yet.

    Args:
        height, width: Sides of the image in LR pixels.
        scale: Factor by which the result is larger.
        tiling: How the image is split.
        compute: Function from a window (h, w) of the LR image to its result, (C, scale * h, scale * w), floating point.

    Yields:
        Top, left and pixels (C, h, w) of a finished rectangle of the result; the rectangles cover it exactly once.
    """
    rows, columns = split_axis(height, tiling), split_axis(width, tiling)
    strip = 2 * tiling.ramp * scale
    above = below = torch.empty(0)  # (C, strip, scale * width): unfinished strips of the previous and of this row
    for row in rows:
        left_strip = torch.empty(0)  # (C, rows, strip): unfinished strip of the previous tile
        for column in columns:
            window = Window(row.start, column.start, row.stop - row.start, column.stop - column.start)
            part = _weight_contribution(compute(window), row, column, strip, scale)
            top, left = row.begin * scale, column.begin * scale
            if not column.is_first:
                part[..., :strip] += left_strip
            if not column.is_last:
                part, left_strip = part[..., : part.shape[-1] - strip], part[..., part.shape[-1] - strip :].clone()
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


def _weight_contribution(result: Tensor, row: Span, column: Span, strip: int, scale: int) -> Tensor:
    """Cuts out the part of a tile's result that it contributes, (C, h, w), with ramps at its inner borders."""
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
