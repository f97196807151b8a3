"""Atomic writing of files, and JSON without NaN and infinity."""

import hashlib
import json
import math
import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

MAX_NAME_BYTES = 200  # of a file; the private name of a longer one, with what is added, might not be valid


@contextmanager
def open_atomic(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """Opens a file that appears under its name only when the block has ended.

    An error or Ctrl-C leaves the old file as it was. Each writer has a private file, so several may write one path: the
    last one wins, or with `replace=False` the first. What a kill leaves is deleted by the next writer of the path.

    Args:
        path: Path of the file. Its folder must exist.
        replace: Whether to replace an existing file, even if another process has written it meanwhile.

    Yields:
        The file, open for writing bytes.

    Raises:
        FileExistsError: The file exists at the end of the block, and is not to be replaced.
        OSError: The folder cannot be written, or the disk is full.
    """
    private = make_private_path(path)
    try:
        with private.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            private.replace(path)
        else:
            _publish_if_absent(private, path)
    finally:
        with suppress(OSError):
            private.unlink()


def make_private_path(path: Path) -> Path:
    """Makes up a hidden path beside a file or folder, to write it there and rename it, which no other writer has.

    Deletes what writers of the same path left there when they were killed.
    """
    name = path.name
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    prefix = f".{name}.{_identify_machine()}-"
    with suppress(OSError):
        for entry in os.scandir(path.parent):
            owner = entry.name.removeprefix(prefix).partition("-")[0]
            if entry.name.startswith(prefix) and owner.isdecimal() and not _is_alive(int(owner)):
                _delete(Path(entry.path))
    return path.with_name(f"{prefix}{os.getpid()}-{uuid.uuid4().hex[:8]}.partial")


@cache
def _identify_machine() -> str:
    """Identifies the machine, or the container, that a process number belongs to."""
    namespace = Path("/proc/self/ns/pid")
    identity = f"{socket.gethostname()} {namespace.stat().st_ino if namespace.exists() else ''}"
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _delete(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _publish_if_absent(private: Path, path: Path) -> None:
    """Gives a file its name, unless there is a file of this name."""
    try:
        os.link(private, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(f"{path} exists") from None
        private.rename(path)


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


def expand_user(path: str | Path, option: str) -> Path:
    """Replaces a leading `~` in a path by the user's home directory.

    Raises:
        ValueError: There is none, as in a container with another user id; the message names the option.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{option}={path}: this user has no home directory; give {option}=FOLDER") from error


def escape_unprintable(text: object) -> str:
    """Writes out characters that a terminal cannot show or would obey, as in the names of some files."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def without_nan(value: Any) -> Any:
    """Converts a value to plain JSON types, with null for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_nan(item) for item in value]
    return value
