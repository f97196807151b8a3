"""The benchmark runs, every part prints its rows, and the exit status says whether the bounds hold."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("degradations", "training", "lightly", "precision", "memory", "embedding", "super_resolution")


def bench(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tests.bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess, dict]:
    folder = tmp_path_factory.mktemp("bench")
    out = folder / "rows.json"
    sizes = ("--tiny", "--repetitions", "2", "--images", "30", "--no-compile", "--device", "cpu")
    ended = bench(*sizes, "--scratch", str(folder), "--out", str(out))
    assert out.is_file(), ended.stdout + ended.stderr
    assert [path.name for path in folder.iterdir()] == ["rows.json"]  # scratch is gone
    return ended, json.loads(out.read_text())


@pytest.mark.parametrize("part", PARTS)
def test_part_prints_its_rows(tiny: tuple[subprocess.CompletedProcess, dict], part: str) -> None:
    ended, found = tiny
    rows = found["parts"][part]
    assert rows
    for row in rows:
        assert row["name"] in ended.stdout
        if row["bound"] is not None:
            assert all(value == value for value in row["values"])  # no NaN where something is bounded


def test_every_part_is_tried(tiny: tuple[subprocess.CompletedProcess, dict]) -> None:
    assert set(tiny[1]["parts"]) == set(PARTS)


def test_status_is_1_exactly_where_a_bound_is_missed(tiny: tuple[subprocess.CompletedProcess, dict]) -> None:
    ended, found = tiny
    missed = [row for rows in found["parts"].values() for row in rows if not row["holds"]]
    assert ended.returncode == (1 if missed else 0), ended.stderr
    assert ended.stdout.count("BELOW") + ended.stdout.count("ABOVE") == len(missed)


def test_degradations_agree_with_the_plain_implementation(tiny: tuple[subprocess.CompletedProcess, dict]) -> None:
    differences = [row for row in tiny[1]["parts"]["degradations"] if "difference" in row["name"]]
    assert len(differences) == 2
    assert all(row["holds"] for row in differences)


def test_rows_judge_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from tests.bench.measuring import Row

    assert Row("speed", (3.9, 4.0, 9.0), 4.0).holds
    assert not Row("speed", (3.9, 3.9, 9.0), 4.0).holds
    assert Row("wait", (4.9,), 5.0, at_most=True).holds
    assert not Row("wait", (5.1,), 5.0, at_most=True).holds
    assert Row("recorded", (0.1,)).holds
    assert "BELOW" in Row("speed", (1.0,), 4.0).line()
    assert "ABOVE" in Row("wait", (6.0,), 5.0, at_most=True).line()


def test_unknown_part_is_refused_by_name() -> None:
    ended = bench("speed")
    assert ended.returncode == 2
    assert "unknown part 'speed' (there are degradations," in ended.stderr
