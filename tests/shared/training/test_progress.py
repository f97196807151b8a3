"""The measurement of a run's speed."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from shared.training import progress
from shared.training.planned_module import PlannedTraining
from shared.training.progress import SpeedMonitor


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: now.seconds))
    return now


def run_batch(
    speed: SpeedMonitor,
    clock: SimpleNamespace,
    module: PlannedTraining,
    *,
    wait: float,
    fetch: float,
    work: float,
    reads: bool = False,
    probe: float = 0,
) -> dict[str, float] | None:
    """Runs one batch; speeds are read and probes run at its end, before the callback of the speed, as in a run."""
    clock.seconds += wait
    speed.on_train_batch_start(None, module, None, 0)
    module.fetch_seconds += fetch
    clock.seconds += fetch + work
    found = speed.read(module) if reads else None
    clock.seconds += probe
    if probe:
        speed.exclude(probe)
    speed.on_train_batch_end(None, module, None, None, 0)
    return found


def test_the_speed_counts_every_batch_once_and_excludes_probes(clock):
    module = Mock(PlannedTraining, fetch_seconds=7.0, trainer=SimpleNamespace(world_size=2))
    speed = SpeedMonitor(patches_per_step=30)
    speed.on_train_start(None, module)
    found = run_batch(speed, clock, module, wait=0.5, fetch=0.5, work=2.0, reads=True, probe=50)
    assert found == pytest.approx({"patches_per_second": 30 * 2 / 3.0, "data_wait_share": 1 / 3})
    run_batch(speed, clock, module, wait=0, fetch=0, work=1.0)
    found = run_batch(speed, clock, module, wait=0.5, fetch=0.1, work=1.4, reads=True)
    assert found == pytest.approx({"patches_per_second": 2 * 30 * 2 / 3.0, "data_wait_share": 0.6 / 3})
