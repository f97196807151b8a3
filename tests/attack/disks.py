"""Files may not grow beyond a random size, as on a full disk: one sentence, and the next run is as if nothing were."""

import random
import resource
from pathlib import Path

from tests.attack.programs import Program, attack_in_turn


def attack(scratch: Path, count: int) -> list[str]:
    """Runs `count` programs on a disk that is full; returns a sentence on each that went wrong."""
    random.seed(0)
    return attack_in_turn(scratch, count, _fill)


def _fill(program: Program, out: Path, seconds: float) -> str:
    size = int(10 ** random.uniform(2, 6))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    fault = program.run(out, limit).find_fault((0, 1, 2)) or program.run(out).find_fault((0, 3))
    return fault and f"files of at most {size} bytes: {fault}"
