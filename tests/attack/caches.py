"""Two programs build one cache of decoded images at once: both end with the results of a program that had it."""

import shutil
from pathlib import Path

from tests.attack.programs import Program, attack_in_turn, list_remains, wait


def attack(scratch: Path, count: int) -> list[str]:
    """Starts `count` pairs of programs; returns a sentence on each that went wrong."""

    def build_twice(program: Program, out: Path, seconds: float) -> str:
        cache, other = scratch / "cache", out.with_name(f"{out.name}-other")
        shutil.rmtree(cache, ignore_errors=True)
        endings = [wait(process) for process in [program.start(out), program.start(other)]]
        faults = [ending.find_fault((0,)) for ending in endings]
        if program.read_results(out) != program.read_results(other):
            faults.append("their results differ")
        if cache.exists() and (remains := list_remains(cache)):
            faults.append(f"left {', '.join(remains)}")
        return "; ".join(filter(None, faults))

    return attack_in_turn(scratch, count, build_twice)
