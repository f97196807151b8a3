"""Neighbours, clusters and a map of 100,000 and of 1,000,000 planted vectors, and how scikit-learn does them.

Single figures, whatever the repetitions: a million vectors take minutes.
"""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from analysis.embedding.blocks import SAMPLE
from analysis.measures.large_embeddings import MEMORY
from tests.bench.measuring import Row, Settings
from tests.bench.memory import POLL_SECONDS, anonymous_and_resident
from tests.bench.planted_vectors import CLUSTERS, write_planted
from tests.bench.scale_tasks import JUDGED, NEIGHBOURS, QUERIES, Found

WIDTH, TINY_WIDTH = 2048, 32
SMALL, TINY_VECTORS = 100_000, 4000
SPARE_DISK = 2e9  # bytes left free
PATIENCE = 120.0  # seconds that scikit-learn may take
RECALL_BOUND = 0.9
MEMORY_BOUND = MEMORY / 1e6  # MB


@dataclass(frozen=True)
class Task:
    """What a task found, and its peak of anonymous memory in MB."""

    found: Found
    peak: float

    def __getitem__(self, name: str) -> float:
        return float(self.found[name])


class Tasks:
    """Runs tasks on the vectors in a folder, each in a process of its own and once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._done: dict[tuple[str, int], Task] = {}

    def run(self, task: str, count: int) -> Task:
        """A task on `count` vectors.

        Raises:
            RuntimeError: it failed; with what it said.
        """
        if (task, count) not in self._done:
            self._done[task, count] = self._run(task, count)
        return self._done[task, count]

    def _run(self, task: str, count: int) -> Task:
        out, log = self.folder / "found.json", self.folder / "log"
        command = [sys.executable, "-m", "tests.bench.scale_tasks", task, str(self.folder), str(count)]
        peak = 0.0
        with open(out, "w") as stdout, open(log, "w") as stderr:
            process = subprocess.Popen(command, stdout=stdout, stderr=stderr)
            while process.poll() is None:
                peak = max(peak, anonymous_and_resident(process.pid)[0])
                time.sleep(POLL_SECONDS)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        return Task(json.loads(out.read_text().splitlines()[-1]), peak)


def measure(settings: Settings) -> list[Row]:
    """Ours at both sizes, scikit-learn at the largest that it can do and ours at the same, a map of the largest."""
    width = TINY_WIDTH if settings.tiny else WIDTH
    wanted = min(settings.vectors, TINY_VECTORS) if settings.tiny else settings.vectors
    sizes = sorted({min(TINY_VECTORS // 2 if settings.tiny else SMALL, wanted), wanted})
    free = shutil.disk_usage(settings.scratch).free - SPARE_DISK
    fitting = [size for size in sizes if 4 * size * width <= free]
    rows = [
        Row(f"{size:,} vectors of {width}: left out, the disk is too small; free", (free / 1e6,), unit="MB",
            detail=f"{4e-6 * size * width:.0f} MB are needed") for size in sizes if size not in fitting
    ]  # fmt: skip
    if not fitting:
        return rows
    tasks, start = Tasks(settings.scratch), time.perf_counter()
    write_planted(settings.scratch, fitting[-1], width)
    made = time.perf_counter() - start
    rows.append(Row(f"{fitting[-1]:,} vectors of {width}, {CLUSTERS} planted clusters: written", (made,), unit="s"))
    for size in fitting:
        rows += _neighbour_rows(f"{size:,} x {width}", tasks.run("our_neighbours", size))
        rows += _cluster_rows(f"{size:,} x {width}", tasks.run("our_kmeans", size), min(size, SAMPLE))
    rows += _against_sklearn(tasks, fitting, width)
    drawn = tasks.run("umap", fitting[-1])
    name = f"UMAP of {drawn['sample']:,.0f} of {fitting[-1]:,} vectors, drawn evenly, seed 0"
    return [*rows, Row(name, (drawn["seconds"],), unit="s", detail=f"{drawn.peak:.0f} MB")]


def _neighbour_rows(what: str, task: Task) -> list[Row]:
    each = 1e3 * task["search"] / QUERIES
    return [
        Row(f"{what}: index built", (task["build"],), unit="s", detail=str(task.found["index"])),
        Row(f"{what}: {NEIGHBOURS} neighbours of {QUERIES} queries", (task["search"],), unit="s",
            detail=f"{each:.1f} ms per query"),
        Row(f"{what}: recall@{NEIGHBOURS} of {JUDGED} queries", (task["recall"],), RECALL_BOUND, unit=""),
        Row(f"{what}: peak anonymous memory of index, search, recall", (task.peak,), MEMORY_BOUND, at_most=True,
            unit="MB"),
    ]  # fmt: skip


def _cluster_rows(what: str, task: Task, sample: int) -> list[Row]:
    agreement = f"agreement with the planted clusters (ARI) {task['agreement']:.3f}"
    return [
        Row(f"{what}: {CLUSTERS} clusters, learnt from {sample:,}", (task["seconds"],), unit="s", detail=agreement),
        Row(f"{what}: peak anonymous memory of the clusters", (task.peak,), MEMORY_BOUND, at_most=True, unit="MB"),
    ]


def _against_sklearn(tasks: Tasks, sizes: list[int], width: int) -> list[Row]:
    size, theirs = _largest(tasks, "sklearn_neighbours", sizes)
    ours = tasks.run("our_neighbours", size)
    more = ours["build"] - theirs["build"]
    gain = (theirs["search"] - ours["search"]) / QUERIES
    queries = f"after {more / gain:,.0f} queries" if gain > 0 else "never"
    paid = f"building {ours['build']:.1f} s is paid back {queries}"
    limit = f"size doubled while it took {PATIENCE:.0f} s and half the free memory at most"
    rows = [
        Row(f"{size:,} x {width}: {QUERIES} queries, over scikit-learn's (brute, cosine)",
            (theirs["search"] / ours["search"],), detail=f"{_both(ours, theirs, 'search')}; {paid}; {limit}"),
    ]  # fmt: skip
    size, theirs = _largest(tasks, "sklearn_kmeans", sizes)
    ours = tasks.run("our_kmeans", size)
    detail = f"{_both(ours, theirs, 'seconds')}; ARI {ours['agreement']:.3f} against {theirs['agreement']:.3f}; {limit}"
    name = f"{size:,} x {width}: {CLUSTERS} clusters, over scikit-learn's KMeans of all vectors"
    return [*rows, Row(name, (theirs["seconds"] / ours["seconds"],), detail=detail)]


def _both(ours: Task, theirs: Task, name: str) -> str:
    return f"{ours[name]:.1f} against {theirs[name]:.1f} s, {ours.peak:.0f} against {theirs.peak:.0f} MB"


def _largest(tasks: Tasks, task: str, sizes: list[int]) -> tuple[int, Task]:
    """The largest size that a task can do within `PATIENCE` and half the memory that is free, and what it found.

    Time and memory of the smallest size tell how often it can be doubled: both grow as the size does.
    """
    first = tasks.run(task, sizes[0])
    taken = sum(first[name] for name in ("build", "search", "seconds") if name in first.found)
    size, free = sizes[0], _free_memory()
    while size < sizes[-1]:
        larger = min(2 * size, sizes[-1])
        times = larger / sizes[0]
        if times * taken > PATIENCE or times * first.peak > free / 2:
            break
        size = larger
    return size, tasks.run(task, size)


def _free_memory() -> float:
    """MB that can be taken; nothing where Linux does not say."""
    try:
        with open("/proc/meminfo") as lines:
            kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 0.0
    return kibibytes * 1024 / 1e6
