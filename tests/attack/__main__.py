"""`python -m tests.attack [PART[=COUNT] ...]`: damaged input, kills, full disks, two writers, two builders."""

import importlib
import sys
import tempfile
import time
from pathlib import Path

# the parts, and how often each is tried
PARTS = {"mutations": 1000, "images": 1000, "kills": 50, "disks": 24, "writers": 12, "caches": 12}


def main(arguments: list[str]) -> int:
    """Attacks the programs and prints tried and failed for each kind; returns the exit status."""
    chosen = {name: int(count or PARTS.get(name, 0)) for name, _, count in (one.partition("=") for one in arguments)}
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        print(f"attack: unknown part {unknown[0]!r} (there are {', '.join(PARTS)})", file=sys.stderr)
        return 2
    all_faults = []
    for name, count in (chosen or PARTS).items():
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="unblind-attack-") as scratch:
            faults = importlib.import_module(f"tests.attack.{name}").attack(Path(scratch), count)
        print(f"{name:10s} tried {count:5d}, failed {len(faults):3d}, {time.monotonic() - start:.0f} s", flush=True)
        print("".join(f"  {fault}\n" for fault in faults), end="")
        all_faults += faults
    return 1 if all_faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
