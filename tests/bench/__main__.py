"""`python -m tests.bench [PART ...]`: measures speed and memory as ratios; exits with 1 if a bound is missed."""

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

# part -> its module; a module named `lightly` would hide the library
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
    """Measures the given parts, or all, and returns the exit status."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r} (there are {', '.join(PARTS)})")
    device = torch.device(options.device)
    machine = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _read_processor_name(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processors": os.cpu_count(),
        "repetitions": options.repetitions,
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    measured: dict[str, list[Row]] = {}
    for part in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="unblind-bench-", dir=options.scratch) as scratch:
            sizes = (options.images, options.tiny)
            settings = Settings(device, options.repetitions, options.compile, *sizes, Path(scratch))
            print(f"{part}: median (min..max)", flush=True)
            measured[part] = importlib.import_module(f"tests.bench.{PARTS[part]}").measure(settings)
        print("\n".join(row.format() for row in measured[part]), flush=True)
    if options.out:
        rows = {part: [row.as_dict() for row in rows] for part, rows in measured.items()}
        options.out.write_text(json.dumps({"machine": machine, "tiny": options.tiny, "parts": rows}, indent=2) + "\n")
    missed = [row.name for rows in measured.values() for row in rows if not row.holds]
    print(f"bounds missed: {len(missed)}" if missed else "all bounds met")
    return 1 if missed else 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"parts to measure, of {', '.join(PARTS)} (all)")
    parser.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="device to measure, cpu or cuda (%(default)s)",
    )
    parser.add_argument("--repetitions", type=int, default=7, help="number of timed pairs per row (%(default)s)")
    parser.add_argument(
        "--images", type=int, default=10_000, help="number of files in the folder of the memory part (%(default)s)"
    )
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="do not measure torch.compile")
    parser.add_argument(
        "--tiny", action="store_true", help="small sizes, to check that everything runs; the ratios are meaningless"
    )
    parser.add_argument("--scratch", type=Path, help="folder for temporary files (the memory part needs 3 GB)")
    parser.add_argument("--out", type=Path, metavar="PATH", help="file to write the rows to as JSON")
    return parser


def _read_processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
