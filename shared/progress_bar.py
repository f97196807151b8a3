"""The progress bar of all commands: a bar on a terminal, and a line now and then in a file or a pipe."""

import sys
from typing import Any

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0
LINE = "{desc}: {n_fmt} of {total_fmt} UNITS, {elapsed} passed, {remaining} left{postfix}"


class ProgressBar(tqdm):
    """A tqdm bar that writes lines where there is no terminal to move the cursor of.

    Args:
        arguments, options: See `tqdm.tqdm`; `unit` is a noun without plural.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.is_line = not getattr(options.get("file") or sys.stderr, "isatty", bool)()
        if self.is_line:
            unit = str(options.get("unit", "step"))
            line = LINE.replace("UNITS", f"{unit}es" if unit.endswith("ch") else f"{unit}s")
            options |= {"mininterval": SECONDS_BETWEEN_LINES, "maxinterval": SECONDS_BETWEEN_LINES, "bar_format": line}
            options |= {"delay": SECONDS_BETWEEN_LINES, "leave": False}
        super().__init__(*arguments, dynamic_ncols=not self.is_line, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Shows the state, or clears it if `msg` is empty."""
        if not self.is_line:
            super().display(msg, pos)
        elif msg != "":
            self.fp.write(f"{msg or self}\n")
            self.fp.flush()
