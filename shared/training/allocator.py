"""Settings of the C library's memory allocator for training loops."""

import ctypes
import sys

# from glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MAX_MMAP_BYTES = 32 << 20  # the largest threshold that glibc accepts
_NEVER_TRIM = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keeps the memory that a step frees for the next step, instead of returning it to the system.

    On a CPU, activations have megabytes each. By default each is mapped again, page by page, in every step, which costs
    about a tenth of the time of a ResNet50. The peak of memory does not change.

    Returns:
        Whether the C library accepted the settings. False, without any change, if it is not glibc.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _MAX_MMAP_BYTES) and mallopt(_TRIM_THRESHOLD, _NEVER_TRIM))
