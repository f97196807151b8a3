"""Two programs write the same results at once: they are whole and right, and the second says so or waits."""

from pathlib import Path

from tests.attack.programs import Program, attack_in_turn, wait


def attack(scratch: Path, count: int) -> list[str]:
    """Starts `count` pairs of programs; returns a sentence on each that went wrong."""
    return attack_in_turn(scratch, count, _start_twice)


def _start_twice(program: Program, out: Path, seconds: float) -> str:
    pair = [program.start(out) for _ in range(2)]
    endings = [wait(process) for process in pair]
    faults = "; ".join(filter(None, (ending.find_fault((0, 2, 3)) for ending in endings)))
    return faults or ("both were refused" if all(ending.status == 2 for ending in endings) else "")
