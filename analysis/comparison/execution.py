"""Trains the runs of a study, several at once, on this machine or as jobs of a cluster."""

import logging
import os
import runpy
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.locks import hold_lock

POLL_SECONDS = 1.0
STATUSES = (None, 0, 1, 2, 130)  # with which the programs end
NEVER = 10**6  # minutes
THREAD_OPTIONS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study.

    Attributes:
        arm: Name of the arm.
        seed: Its seed.
        folder: Folder of the run.
        module: Module of the program that trains it.
        arguments: Arguments of the program.
    """

    arm: str
    seed: int
    folder: Path
    module: str
    arguments: list[str]

    @property
    def name(self) -> str:
        """Arm and seed."""
        return f"{self.arm}, seed {self.seed}"

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended and written its scores."""
        return (self.folder / "metrics.json").is_file()

    @property
    def is_in_use(self) -> bool:
        """Whether another process trains it, such as one that outlived an earlier call of the study."""
        try:
            with ExitStack() as stack:
                if self.folder.parent.is_dir():
                    stack.enter_context(hold_lock(self.folder.parent / f".{self.folder.name}.lock"))
        except BlockingIOError:
            return True
        return False


class Training:
    """Job that trains a run; a cluster that ends it in time starts it again, and it goes on from its checkpoint.

    Args:
        run: Run to train.
    """

    def __init__(self, run: PlannedRun) -> None:
        self.run = run

    def __call__(self) -> int:
        """Runs the program in this process; returns its exit status."""
        logging.getLogger("submitit").propagate = False  # the last line of the log is to be the program's
        sys.argv = [self.run.module, *self.run.arguments]
        try:
            runpy.run_module(self.run.module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if end.code not in STATUSES:  # the job is to be queued again
                raise
            return int(end.code or 0)
        return 0

    def checkpoint(self) -> Any:
        """Returns the job that is to be queued in the place of this one."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def train(
    runs: Sequence[PlannedRun],
    folder: Path,
    *,
    jobs: int,
    cluster: str = "local",
    minutes: int = 240,
    partition: str = "",
    report: Callable[[str], None],
) -> list[str]:
    """Trains runs, at most `jobs` at once.

    Ctrl-C ends the runs of this machine, which have their checkpoints; jobs of a cluster are cancelled.

    Args:
        runs: Runs to train; those that another process trains are waited for.
        folder: Folder for the jobs' logs.
        jobs: Number of runs at once. On this machine each gets its share of the cores.
        cluster: `local` or `slurm`.
        minutes: Minutes after which a cluster ends a job, which is then queued again.
        partition: Partition of the cluster; empty for its default.
        report: Function that tells the user in a line what has happened.

    Returns:
        A sentence for each run that failed.
    """
    executor = _make_executor(folder, cluster, minutes, partition)
    waiting, failed = list(runs), list[str]()
    running: dict[str, tuple[PlannedRun, Any]] = {}
    try:
        while waiting or running:
            for run in [run for run in waiting if run.is_finished]:
                waiting.remove(run)
            free = [run for run in waiting if not run.is_in_use][: jobs - len(running)]
            for run in free:
                waiting.remove(run)
                with _share_cores(jobs if cluster == "local" else 1):
                    running[run.name] = run, executor.submit(Training(run))
                report(f"started {run.name}")
            for name, (run, job) in list(running.items()):
                if job.done():
                    del running[name]
                    if run.is_finished:
                        report(f"finished {name}")
                    else:
                        failed.append(f"{name} failed: {_last_line(job)}")
                        report(failed[-1])
            if waiting or running:
                time.sleep(POLL_SECONDS)
    finally:
        for _, job in running.values():
            job.cancel()
    return failed


def _make_executor(folder: Path, cluster: str, minutes: int, partition: str) -> Any:
    import submitit

    if cluster == "local":
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        gpus = range(_count_gpus()) if visible is None else [int(one) for one in visible.split(",") if one]
        executor = submitit.LocalExecutor(folder)
        # submitit hides the GPUs that a job does not ask for
        executor.update_parameters(timeout_min=NEVER, gpus_per_node=len(gpus), visible_gpus=tuple(gpus))
        return executor
    queue = submitit.AutoExecutor(folder, cluster=cluster)
    queue.update_parameters(timeout_min=minutes, gpus_per_node=1, cpus_per_task=4, slurm_max_num_timeout=100)
    if partition:
        queue.update_parameters(slurm_partition=partition)
    return queue


def _count_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _share_cores(jobs: int) -> AbstractContextManager[None]:
    """Returns a context in which new processes get their share of the cores, unless the user has set the number."""
    if jobs == 1:
        return nullcontext()
    from submitit.helpers import environment_variables

    share = str(max(1, (os.cpu_count() or 1) // jobs))
    return environment_variables(**{name: os.environ.get(name, share) for name in THREAD_OPTIONS})


def _last_line(job: Any) -> str:
    """Returns the last line that a job has written to stderr, or where its log is."""
    text = job.paths.stderr.read_text(encoding="utf-8", errors="replace") if job.paths.stderr.is_file() else ""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("submitit ")]
    return lines[-1].strip() if lines else f"see {job.paths.stdout}"
