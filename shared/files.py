"""Atomic writing of files, and JSON without NaN and infinity."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that replaces the old one only when the block has ended.

    An error or Ctrl-C leaves the old file as it was; a kill also leaves a partial file, which the next writer
    overwrites, since its name is fixed. Hence only one process may write a file at a time.

    Args:
        path: Path of the file. Its folder must exist.

    Yields:
        The file, open for writing bytes.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
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
    """Writes a file in one step: a kill or an error leaves the old one as it was.

    Args:
        path: Path of the file. Its folder must exist.
        data: New content.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    with open_atomic(path) as file:
        file.write(data)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes indented JSON in one step, with null for NaN and infinity."""
    write_atomically(path, (json.dumps(without_nan(values), indent=2, allow_nan=False) + "\n").encode())


def without_nan(value: Any) -> Any:
    """Converts a value to plain JSON types, with null for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_nan(item) for item in value]
    return value
