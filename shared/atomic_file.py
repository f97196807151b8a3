"""Files that are either whole or as they were before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file in one step; a kill or an error leaves the old one.

    Args:
        path: of the file; its folder exists.
        data: its new content.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    with appearing(path) as file:
        file.write(data)


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
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
