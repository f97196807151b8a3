"""Two programs write the same results at once: they are whole and right, and the second says so or waits."""

from pathlib import Path

from tests.attack.programs import list_remains, make_programs, run_alone, wait


def attack(scratch: Path, count: int) -> list[str]:
    """Starts `count` pairs of programs; returns a sentence on each that went wrong."""
    programs, faults = make_programs(scratch), []
    expected = run_alone(programs, scratch / "alone")
    for number in range(count):
        name, program = list(programs.items())[number % len(programs)]
        out = scratch / "shared" / f"{name}-{number}"
        pair = [program.start(out) for _ in range(2)]
        endings = [wait(process) for process in pair]
        fault = "; ".join(filter(None, (ending.find_fault((0, 2, 3)) for ending in endings)))
        if not fault and all(ending.status == 2 for ending in endings):
            fault = "both were refused"
        if not fault and program.read_results(out) != expected[name]:
            fault = "the results differ from those of one program alone"
        if not fault and (remains := list_remains(out)):
            fault = f"left {', '.join(remains)}"
        faults += [f"{name}, pair {number}: {fault}"] if fault else []
    return faults
