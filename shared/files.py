"""Files that are either whole or as they were before, and JSON that any reader takes."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is whole; an error or Ctrl-C leaves what was there, a kill a partial file.

    One writer at a time: the partial file's name is fixed, so that what a kill leaves behind is used again.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file in one step; a kill or an error leaves the old one.

    Args:
        path: of the file; its folder exists.
        data: its new content.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    with open_atomic(path) as file:
        file.write(data)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that people can read, atomically; numbers that are not finite become null."""
    write_atomically(path, (json.dumps(without_nan(values), indent=2, allow_nan=False) + "\n").encode())


def without_nan(value: Any) -> Any:
    """Plain JSON values with null for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_nan(item) for item in value]
    return value
