"""The programs at their smallest, with what they need, and the files by which their results are compared."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from sr.model import build_model
from sr.model_artefact import save_model
from tests.analysis.small_encoders import save_small_encoder
from tests.sr.small_models import small_config

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60  # seconds that no program may need after its start


@dataclass(frozen=True)
class Ending:
    """How a program ended.

    Attributes:
        status: Its exit status; negative after a signal.
        text: What it printed.
        seconds: How long it ran.
    """

    status: int
    text: str
    seconds: float

    def find_fault(self, allowed: tuple[int, ...]) -> str:
        """Says what is wrong with the ending; empty if nothing is."""
        if "Traceback" in self.text:
            return f"traceback: {self.text.strip().splitlines()[-1]}"
        if self.seconds > LIMIT:
            return f"took {self.seconds:.0f} s"
        if self.status not in allowed:
            return f"exit status {self.status}: {(self.text.strip().splitlines() or ['nothing printed'])[-1]}"
        return ""


@dataclass(frozen=True)
class Program:
    """A program with its arguments.

    Attributes:
        module: Module to run.
        arguments: Function from the folder of the results to the arguments.
        results: Patterns of the files that hold the results, relative to this folder.
    """

    module: str
    arguments: Callable[[Path], list[str]]
    results: tuple[str, ...]

    def start(self, out: Path, prepare: Callable[[], None] | None = None) -> subprocess.Popen:
        """Starts the program in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *self.arguments(out)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=prepare,
        )

    def run(self, out: Path, prepare: Callable[[], None] | None = None) -> Ending:
        """Runs the program to its end."""
        return wait(self.start(out, prepare))

    def read_results(self, out: Path) -> dict[str, bytes]:
        """Reads the files that hold the results."""
        paths = [path for pattern in self.results for path in sorted(out.glob(pattern))]
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def wait(process: subprocess.Popen) -> Ending:
    """Waits for a program, and kills it if it hangs."""
    start = time.monotonic()
    try:
        text, _ = process.communicate(timeout=2 * LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
    return Ending(process.returncode, text, time.monotonic() - start)


def attack_in_turn(scratch: Path, count: int, attempt: Callable[[Program, Path, float], str]) -> list[str]:
    """Attacks the programs one after the other, and compares their results with those of undisturbed ones.

    Args:
        scratch: Folder for everything.
        count: Number of attacks.
        attempt: Function that attacks a program and starts it again, given the folder of its results and the usual
            seconds of a program; it returns what went wrong, or an empty text.

    Returns:
        A sentence on each attack that a program did not stand.

    Raises:
        RuntimeError: A program does not run at all or has no results, so that an attack on it would show nothing.
    """
    programs, faults, start = make_programs(scratch), [], time.monotonic()
    expected = {}
    for name, program in programs.items():
        fault = program.run(scratch / "alone" / name).find_fault((0,))
        expected[name] = program.read_results(scratch / "alone" / name)
        if fault or not expected[name]:
            raise RuntimeError(f"{name} does not run: {fault or 'no results'}")
    seconds = (time.monotonic() - start) / len(programs)
    for number in range(count):
        name, program = list(programs.items())[number % len(programs)]
        out = scratch / "attacked" / f"{name}-{number}"
        fault = attempt(program, out, seconds)
        if not fault and program.read_results(out) != expected[name]:
            fault = "the results differ from those of a program that was left alone"
        if not fault and (remains := list_remains(out)):
            fault = f"left {', '.join(remains)}"
        faults += [f"{name}, attack {number}: {fault}"] if fault else []
    return faults


def list_remains(out: Path) -> list[str]:
    """Lists private files that writers left."""
    return [path.name for path in out.rglob(".*.partial")]


def make_programs(scratch: Path, side: int = 80) -> dict[str, Program]:
    """Makes images of about `side` pixels, an encoder and a model in a folder, and the programs that use them."""
    photograph = data.astronaut()
    for folder, count in (("images", 8), ("benchmark/Four", 4), ("photographs", 3)):
        (scratch / folder).mkdir(parents=True)
        for i in range(count):
            pixels = np.ascontiguousarray(photograph[30 * i : 30 * i + side - 8, 30 * i : 30 * i + side])
            Image.fromarray(pixels).save(scratch / folder / f"{i}.png")
    save_small_encoder(scratch / "encoder")
    save_model(
        scratch / "model", build_model(small_config(conditioning="none", bicubic_skip=True)), card="", metadata={}
    )
    source = ["data=folder", f"data.root={scratch / 'images'}", f"data.cache_dir={scratch / 'cache'}"]
    run = ["name=it", "steps=6", "batch_size=4", "checkpoint_every=2", "precision=fp32", "log_every=1", *source]
    pretrain = ["encoder=dasr", "encoder.input=bands", "method=moco", "method.queue_size=20", "views=2x24", *run]
    sr = ["conditioning=constant", "encoder=dasr", "network.blocks=1", "patch=16", "validation_size=64", *run]
    embed = [f"{scratch / 'encoder'}", "name=it", "size=100", "patch=24", "repeats=10", "map=pca", *source]
    read = [f"{scratch / 'photographs'}", "name=it", "size=100", "patch=24", "patches=2", "map=pca", *source]
    evaluate = [f"{scratch / 'model'}", "name=it", "protocol=dasr_iso", "repeats=10", "scale=2"]
    evaluate += [f"data.root={scratch / 'benchmark'}"]
    weights = ("*/it/*/model.safetensors",)
    return {
        "pretrain": Program("pretrain.train", lambda out: [*pretrain, f"runs_dir={out}"], weights),
        "pretrain on two ranks": Program(
            "pretrain.train", lambda out: [*pretrain, f"runs_dir={out}", "accelerator=cpu", "devices=2"], weights
        ),
        "sr-train": Program("sr.train", lambda out: [*sr, f"runs_dir={out}"], weights),
        "embed-viz": Program("analysis.report", lambda out: [*embed, f"runs_dir={out}"], ("*/it/scores.json",)),
        "embed": Program("analysis.embed", lambda out: [*read, f"runs_dir={out}"], ("*/it/readings.json",)),
        "sr-eval": Program("sr.evaluate", lambda out: [*evaluate, f"runs_dir={out}"], ("*/it/per_image.csv",)),
        "upscale": Program(
            "sr.upscale",
            lambda out: [f"{scratch / 'photographs'}", f"{out}", f"{scratch / 'model'}", "estimate=false"],
            ("*.png",),
        ),
    }
