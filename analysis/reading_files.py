"""Files of the readings of photographs: `readings.json`, and the same as a table."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.files import write_atomically, write_json
from shared.readings import NAMES

READINGS = "readings.json"
TABLE = "readings.csv"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of a formula


def write_readings(folder: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Writes the entries of photographs, see `Reading.to_json`, as `readings.json` and `readings.csv`."""
    write_json(folder / READINGS, list(entries))
    write_atomically(folder / TABLE, _build_table(entries))


def _build_table(entries: Sequence[dict[str, Any]]) -> bytes:
    """Builds a CSV table with a row per photograph and a column per value and end of an interval."""
    text = io.StringIO()
    writer = csv.writer(text)
    ends = [(name, key) for name in NAMES for key in ("value", "low", "high")]
    writer.writerow(["image", "verdict", *(name if key == "value" else f"{name}_{key}" for name, key in ends)])
    for entry in entries:
        values = [entry[name][key] if entry[name] else "" for name, key in ends]
        writer.writerow([_defuse(entry["image"]), entry["verdict"], *values])
    return text.getvalue().encode(errors="backslashreplace")


def _defuse(name: str) -> str:
    """Keeps a spreadsheet from taking a name for a formula."""
    return f"'{name}" if name.startswith(FORMULA) else name
