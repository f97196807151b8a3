"""The allocator: freed memory is reused."""

import platform
import subprocess
import sys

import pytest

# steps that each hold 160 MB of activations for a while: how many pages the system had to hand out after the first,
# before and after freed memory is kept
PAGES = """
import resource, torch
from shared.training.allocator import keep_freed_memory
def step():
    activations = [torch.ones(2**21) for _ in range(20)]
def pages():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(12):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages())
assert keep_freed_memory()
print(pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_freed_by_a_step_is_reused_by_the_next():
    done = subprocess.run([sys.executable, "-c", PAGES], check=True, capture_output=True, text=True)
    freed, kept = map(int, done.stdout.split())
    assert kept * 2 < freed
