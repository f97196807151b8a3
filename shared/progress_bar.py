"""The progress bar of all commands: a bar on a terminal, and a line now and then in a file or a pipe."""

import sys
import time
from typing import Any

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0
LINE = "{n_fmt} of {total_fmt} UNITS, {elapsed} passed, {remaining} left{postfix}"


class ProgressBar(tqdm):
    """A tqdm bar that writes lines where there is no terminal to move the cursor of.

    Args:
        arguments, options: See `tqdm.tqdm`; `unit` is a noun without plural.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.is_line = not getattr(options.get("file") or sys.stderr, "isatty", bool)()
        self._written = time.monotonic()
        if self.is_line:
            unit = str(options.get("unit", "step"))
            line = LINE.replace("UNITS", f"{unit}es" if unit.endswith("ch") else f"{unit}s")
            options |= {"bar_format": line, "mininterval": SECONDS_BETWEEN_LINES, "leave": False}
        super().__init__(*arguments, dynamic_ncols=not self.is_line, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Shows the state, or clears it if `msg` is empty; in a file, if the last line is old enough."""
        if not self.is_line:
            super().display(msg, pos)
        elif msg != "" and time.monotonic() - self._written >= SECONDS_BETWEEN_LINES:
            self._written = time.monotonic()
            self.fp.write(f"{self.desc.removesuffix(': ')}: {msg or self}\n")
            self.fp.flush()
