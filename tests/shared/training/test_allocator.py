import platform
import subprocess
import sys

import pytest

# steps that each hold 160 MB of activations for a while: how many pages the system had to hand out after the first
PAGES = """
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


def pages(keep: bool) -> int:
    script = PAGES.format(keep=keep)
    return int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_a_step_frees_serves_the_next():
    assert pages(keep=True) * 2 < pages(keep=False)
