"""Tables of scores as plain text."""

import math

TABLE_WIDTH = 100  # characters per line


def align_columns(names: list[str], columns: list[list[str]]) -> list[str]:
    """Formats a table as text, broken into blocks of columns that fit `TABLE_WIDTH`.

    Args:
        names: Names of the rows, left-aligned and repeated in every block. The first belongs to the row of titles.
        columns: Cells of each column, right-aligned, as many as there are names. The first is the title.
    """
    name_width = max(map(len, names))
    blocks: list[list[str]] = []
    for column in columns:
        width = max(map(len, column))
        if not blocks or len(blocks[-1][0]) + 2 + width > TABLE_WIDTH:
            blocks.append([name.ljust(name_width) for name in names])
        blocks[-1] = [f"{line}  {cell.rjust(width)}" for line, cell in zip(blocks[-1], column, strict=True)]
    return ["\n".join(block) for block in blocks]


def format_interval(value: float, interval: tuple[float, float]) -> str:
    """Formats a value with its interval, such as `0.52 [0.48, 0.56]`; without brackets if the interval is NaN."""
    if math.isnan(interval[0]):
        return format_number(value)
    return f"{format_number(value)} [{format_number(interval[0])}, {format_number(interval[1])}]"


def format_number(value: float) -> str:
    """Formats a number with two decimals, NaN as `-`."""
    return "-" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"  # + 0.0 turns -0.00 into 0.00
