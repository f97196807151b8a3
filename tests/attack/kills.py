"""Programs are killed at random moments and started again: the results are those of a program that was not."""

import os
import random
import signal
import time
from pathlib import Path

from tests.attack.programs import list_remains, make_programs, run_alone, wait


def attack(scratch: Path, count: int) -> list[str]:
    """Kills `count` programs; returns a sentence on each that did not recover."""
    programs, faults = make_programs(scratch), []
    random.seed(0)
    start = time.monotonic()
    expected = run_alone(programs, scratch / "alone")
    seconds = (time.monotonic() - start) / len(programs)
    for number in range(count):
        name, program = list(programs.items())[number % len(programs)]
        out = scratch / "killed" / f"{name}-{number}"
        process = program.start(out)
        time.sleep(random.uniform(0.3, 1.0) * seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        wait(process)
        fault = program.run(out).find_fault((0, 3))
        if not fault and program.read_results(out) != expected[name]:
            fault = "the results differ from those of a run that was not killed"
        if not fault and (remains := list_remains(out)):
            fault = f"left {', '.join(remains)}"
        faults += [f"{name}, kill {number}: {fault}"] if fault else []
    return faults
