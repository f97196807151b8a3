"""The allocator: freed memory is reused."""

import platform
import subprocess
import sys

import pytest

# counts the pages that the system has to provide for steps with 160 MB of activations each, after the first step
SCRIPT = """
import resource, torch
from shared.training.allocator import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
def step():
    activations = [torch.ones(2**21) for _ in range(20)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(12):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_pages(keep: bool) -> int:
    script = SCRIPT.format(keep=keep)
    return int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_freed_by_a_step_is_reused_by_the_next():
    assert count_pages(keep=True) * 2 < count_pages(keep=False)
