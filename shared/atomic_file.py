"""Files that are either whole or as they were before."""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file in one step; a kill or an error leaves the old one.

    One writer at a time: the partial file's name is fixed, so that what a kill leaves behind is used again.

    Args:
        path: of the file; its folder exists.
        data: its new content.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
