"""Programs are killed at random moments and started again: the results are those of a program that was not."""

import os
import random
import signal
import time
from pathlib import Path

from tests.attack.programs import Program, attack_in_turn, wait


def attack(scratch: Path, count: int) -> list[str]:
    """Kills `count` programs; returns a sentence on each that did not recover."""
    random.seed(0)
    return attack_in_turn(scratch, count, _kill)


def _kill(program: Program, out: Path, seconds: float) -> str:
    process = program.start(out)
    time.sleep(random.uniform(0.3, 1.0) * seconds)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    wait(process)
    return program.run(out).find_fault((0, 3))
