"""Files may not grow beyond a random size, as on a full disk: one sentence, and the next run is as if nothing were."""

import random
import resource
from pathlib import Path

from tests.attack.programs import list_remains, make_programs, run_alone


def attack(scratch: Path, count: int) -> list[str]:
    """Runs `count` programs on a disk that is full; returns a sentence on each that went wrong."""
    programs, faults = make_programs(scratch), []
    expected = run_alone(programs, scratch / "alone")
    random.seed(0)
    for number in range(count):
        name, program = list(programs.items())[number % len(programs)]
        out, size = scratch / "full" / f"{name}-{number}", int(10 ** random.uniform(2, 6))

        def limit(size: int = size) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        fault = program.run(out, limit).find_fault((0, 1, 2))
        fault = fault or program.run(out).find_fault((0, 3))
        if not fault and program.read_results(out) != expected[name]:
            fault = "the results afterwards differ from those of a program that had space"
        if not fault and (remains := list_remains(out)):
            fault = f"left {', '.join(remains)}"
        faults += [f"{name} with files of at most {size} bytes: {fault}"] if fault else []
    return faults
