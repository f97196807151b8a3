"""Training runs in processes of their own, killing them at a checkpoint, and reading checkpoints and logs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]


def start_run(program: str, *arguments: str) -> subprocess.Popen:
    """Starts a run, with all its ranks in one new process group."""
    return subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill_at_the_first_checkpoint(process: subprocess.Popen, folder: Path) -> None:
    """Waits for `last.ckpt` in the folder of the run and kills all ranks."""
    deadline = time.monotonic() + 200
    while not (folder / "last.ckpt").exists():
        assert process.poll() is None, "the run ended before its first checkpoint"
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (folder / "metrics.json").exists(), "the run ended before it was killed: increase its steps"
    time.sleep(1.1)  # TensorBoard orders event files by the second of their creation


def name_of_a_dead_writer(path: Path) -> Path:
    """Returns the private path on which a process that is dead now would have written a file or a folder."""
    answer = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; from shared.files import make_private_path\n"
         "print(make_private_path(Path(sys.argv[1])))", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Path(answer.stdout.strip())


def load_checkpoint(folder: Path) -> dict:
    """Loads the last checkpoint of a run."""
    return torch.load(folder / "last.ckpt", weights_only=True)


def assert_same_state(one: dict, other: dict) -> None:
    """Asserts that two checkpoints hold the same weights and buffers, bit by bit."""
    assert one["global_step"] == other["global_step"]
    assert one["state_dict"].keys() == other["state_dict"].keys()
    for key, value in one["state_dict"].items():
        assert torch.equal(value, other["state_dict"][key]), key


def read_losses(folder: Path, required_tags: set[str]) -> dict[int, float]:
    """Reads the loss by step from the log, and asserts that the log also has the required scalars and images."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()
    assert required_tags <= {*tags["scalars"], *tags["images"]}
    return {event.step: event.value for event in events.Scalars("train/loss")}
