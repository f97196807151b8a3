"""Atomic writing of files, and JSON without NaN and infinity."""

import hashlib
import json
import math
import os
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

PRIVATE_SUFFIX = ".partial"
ABANDONED_SECONDS = 7 * 86400  # without a write, after which the writer of another machine counts as dead
MAX_NAME_BYTES = 200  # of a file; the private name of a longer one, with what is added, might not be valid


@contextmanager
def open_atomic(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """Opens a file that appears under its name only when the block has ended.

    An error or Ctrl-C leaves the old file as it was. Each writer has a private file, so several may write one path: the
    last one wins, or with `replace=False` the first. What a kill leaves is deleted by the next writer of the path; if
    that is on another machine, or after a restart, once a week has passed.

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
    own = f".{name}.{_identify_machine()}-"
    with suppress(OSError):
        for entry in os.scandir(path.parent):
            is_private = entry.name.startswith(f".{name}.") and entry.name.endswith(PRIVATE_SUFFIX)
            if is_private and _is_abandoned(entry, own):
                _delete(Path(entry.path))
    return path.with_name(f"{own}{os.getpid()}-{uuid.uuid4().hex[:8]}{PRIVATE_SUFFIX}")


@cache
def _identify_machine() -> str:
    """Identifies the machine since its start, and the container, that a process number belongs to."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    started = boot.read_text().strip() if boot.exists() else ""
    identity = f"{socket.gethostname()} {started} {namespace.stat().st_ino if namespace.exists() else ''}"
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


def _is_abandoned(entry: os.DirEntry, own: str) -> bool:
    """Whether the writer of a private path is dead: its process is gone, or nothing was written for a long time.

    Args:
        entry: The private path.
        own: Beginning of the private names of this machine.
    """
    process = entry.name.removeprefix(own).partition("-")[0]
    if entry.name.startswith(own) and process.isdecimal():
        return not _is_alive(int(process))
    written = [entry.stat().st_mtime]
    if entry.is_dir(follow_symlinks=False):
        written += [file.stat().st_mtime for file in os.scandir(entry.path)]
    return time.time() - max(written) > ABANDONED_SECONDS


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


def write_json(path: Path, values: dict[str, Any] | list[Any]) -> None:
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
        raise ValueError(f"{option}={path}: this user has no home directory; give a path without ~") from error


@contextmanager
def lend_home() -> Iterator[None]:
    """Gives a user without a home directory the folder of temporary files, for libraries that ask for one."""
    try:
        Path.home()
        lent = {}
    except RuntimeError:
        lent = {"HOME": tempfile.gettempdir()}
    os.environ |= lent
    try:
        yield
    finally:
        for name in lent:
            del os.environ[name]


def resolve(path: Path) -> Path:
    """Resolves links as far as possible: unlike `Path.resolve`, a link to itself is no error."""
    return Path(os.path.realpath(path))


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
