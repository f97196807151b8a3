"""The tests of mutated recipes, spaces, protocols, probes, artefacts, images and checkpoints, with many cases.

A quarter of them go through the commands.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.attack.programs import ROOT


def attack(scratch: Path, count: int) -> list[str]:
    """Tries `count` mutations of each kind; returns a line on each kind that failed."""
    files = ["tests/test_mutated_input.py", "tests/test_mutated_commands.py"]
    tests = [sys.executable, "-m", "pytest", "-q", "--no-header", "--timeout=3600", *files]
    ended = subprocess.run(
        [*tests, f"--basetemp={scratch / 'pytest'}"],
        cwd=ROOT,
        env=os.environ | {"UNBLIND_CASES": str(count), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    lines = ended.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    if failed:  # what is left of a failure is its first case, which hypothesis prints
        print("\n".join(line[:2000] for line in lines if line.startswith(("E  ", "  |"))))
    return failed or ([ended.stdout[-500:]] if ended.returncode else [])
