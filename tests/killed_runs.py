"""Real training runs, killed at their first checkpoint; what their checkpoints and logs hold."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]


def started(program: str, *arguments: str) -> subprocess.Popen:
    """A run in a process group of its own, all ranks together."""
    return subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def kill_at_the_first_checkpoint(process: subprocess.Popen, folder: Path) -> None:
    """Waits for `last.ckpt` in the run's folder and kills all ranks without a warning."""
    deadline = time.monotonic() + 200
    while not (folder / "last.ckpt").exists():
        assert process.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (folder / "metrics.json").exists(), "the run ended before it could be killed: give it more steps"
    time.sleep(1.1)  # TensorBoard orders its files by the second they were opened in; a new process takes longer


def checkpoint_of(folder: Path) -> dict:
    """The last checkpoint."""
    return torch.load(folder / "last.ckpt", weights_only=True)


def assert_same_state(one: dict, other: dict) -> None:
    """Two checkpoints hold the same weights and buffers, bit by bit."""
    assert one["global_step"] == other["global_step"]
    assert one["state_dict"].keys() == other["state_dict"].keys()
    for key, value in one["state_dict"].items():
        assert torch.equal(value, other["state_dict"][key]), key


def logged(folder: Path, wanted: set[str]) -> dict[int, float]:
    """The loss by step; the log must hold all the wanted scalars and pictures too."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()
    assert wanted <= {*tags["scalars"], *tags["images"]}
    return {event.step: event.value for event in events.Scalars("train/loss")}
