"""Locks between processes, which the system frees when the process that holds them dies."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)  # file systems without locks
# In its newer versions a file that exists would count as a lock where the file system has none.
OPTIONS: dict[str, Any] = {"fallback_to_soft": False} if "fallback_to_soft" in signature(FileLock).parameters else {}

logger = logging.getLogger(__name__)


@contextmanager
def hold_lock(path: Path, *, waiting: str = "") -> Iterator[None]:
    """Holds the lock of a file during the block. On a file system without locks, warns and goes on.

    Args:
        path: The lock file, which is created and stays. Its folder must exist.
        waiting: Warning while another process holds the lock; if empty, the lock is not waited for.

    Raises:
        BlockingIOError: Another process holds the lock.
        OSError: The lock file cannot be written.
    """
    lock = FileLock(path, **OPTIONS)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if not waiting:
            raise BlockingIOError(errno.EAGAIN, "another process holds the lock") from error
        logger.warning("%s", waiting)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in UNSUPPORTED:
            raise
        logger.warning("%s: this file system has no locks; do not start two runs that write here", path.parent)
    try:
        yield
    finally:
        lock.release()
