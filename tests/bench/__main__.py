"""`python -m tests.bench [PART ...]`: speed and memory as ratios; leaves with 1 where a bound is not kept."""

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import torch

from tests.bench.measuring import Row, Settings

# part -> its module; `lightly` would hide the library
PARTS = {
    "degradations": "degradations",
    "training": "training",
    "lightly": "lightly_loop",
    "precision": "precision",
    "memory": "memory",
    "embedding": "embedding",
    "super_resolution": "super_resolution",
}


def main(arguments: list[str]) -> int:
    """Measure the parts that are named, or all; returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r} (there are {', '.join(PARTS)})")
    device = torch.device(given.device)
    machine = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "torch": torch.__version__, "threads": torch.get_num_threads(), "processors": os.cpu_count(),
        "repetitions": given.repetitions,
    }  # fmt: skip
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    found: dict[str, list[Row]] = {}
    for part in given.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="unblind-bench-", dir=given.scratch) as scratch:
            sizes = (given.images, given.tiny)
            settings = Settings(device, given.repetitions, given.compile, *sizes, Path(scratch))
            print(f"{part}: median (min..max)", flush=True)
            found[part] = importlib.import_module(f"tests.bench.{PARTS[part]}").measure(settings)
        print("\n".join(row.line() for row in found[part]), flush=True)
    if given.out:
        rows = {part: [row.as_dict() for row in rows] for part, rows in found.items()}
        given.out.write_text(json.dumps({"machine": machine, "tiny": given.tiny, "parts": rows}, indent=2) + "\n")
    missed = [row.name for rows in found.values() for row in rows if not row.holds]
    print(f"bounds not kept: {len(missed)}" if missed else "all bounds kept")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; none = all")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    parser.add_argument("--repetitions", type=int, default=7, help="pairs of timings per row (%(default)s)")
    parser.add_argument("--images", type=int, default=10_000, help="files of the memory part's folder (%(default)s)")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave torch.compile out")
    parser.add_argument("--tiny", action="store_true", help="check that everything runs; the ratios mean nothing")
    parser.add_argument("--scratch", type=Path, help="folder for temporary files (3 GB for the memory part)")
    parser.add_argument("--out", type=Path, metavar="PATH", help="also write the rows as JSON")
    return parser


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
