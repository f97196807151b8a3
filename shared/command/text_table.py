"""Tables of scores as plain text."""

import math

TABLE_WIDTH = 100  # columns of a terminal


def aligned_blocks(names: list[str], columns: list[list[str]]) -> list[str]:
    """Columns side by side, each right-aligned, broken into blocks that fit the width.

    Args:
        names: of the rows, repeated in every block; the first stands beside the titles.
        columns: of as many cells each, the title first.
    """
    name_width = max(map(len, names))
    blocks: list[list[str]] = []
    for column in columns:
        width = max(map(len, column))
        if not blocks or len(blocks[-1][0]) + 2 + width > TABLE_WIDTH:
            blocks.append([name.ljust(name_width) for name in names])
        blocks[-1] = [f"{line}  {cell.rjust(width)}" for line, cell in zip(blocks[-1], column, strict=True)]
    return ["\n".join(block) for block in blocks]


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """`0.52 [0.48, 0.56]`; without the brackets where there is no interval."""
    if math.isnan(interval[0]):
        return number(value)
    return f"{number(value)} [{number(interval[0])}, {number(interval[1])}]"


def number(value: float) -> str:
    """Two decimals, `-` for NaN."""
    return "-" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"  # + 0.0 for the sign of -0.00
