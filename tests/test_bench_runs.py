"""The benchmark in tiny sizes: each part prints its rows, and the exit status tells whether all bounds are met.

The tests that run it take minutes: `make test ARGS="-m exhaustive tests/test_bench_runs.py"`.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import PARTS, main
from tests.bench.measuring import Row

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess, dict]:
    """The process of a run of all parts, and the rows that it wrote."""
    folder = tmp_path_factory.mktemp("bench")
    out = folder / "rows.json"
    sizes = ("--tiny", "--repetitions", "2", "--images", "30", "--no-compile", "--device", "cpu")
    command = [sys.executable, "-m", "tests.bench", *sizes, "--scratch", str(folder), "--out", str(out)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert out.is_file(), process.stdout + process.stderr
    assert [path.name for path in folder.iterdir()] == ["rows.json"]  # temporary files are deleted
    return process, json.loads(out.read_text())


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", PARTS)
def test_part_prints_its_rows(tiny: tuple[subprocess.CompletedProcess, dict], part: str) -> None:
    process, results = tiny
    rows = results["parts"][part]
    assert rows
    for row in rows:
        assert row["name"] in process.stdout
        if row["bound"] is not None:
            assert all(value == value for value in row["values"])  # no NaN in a row with a bound


@pytest.mark.exhaustive
def test_all_parts_are_measured(tiny: tuple[subprocess.CompletedProcess, dict]) -> None:
    assert set(tiny[1]["parts"]) == set(PARTS)


@pytest.mark.exhaustive
def test_status_is_1_exactly_if_a_bound_is_missed(tiny: tuple[subprocess.CompletedProcess, dict]) -> None:
    process, results = tiny
    missed = [row for rows in results["parts"].values() for row in rows if not row["holds"]]
    assert process.returncode == (1 if missed else 0), process.stderr
    assert process.stdout.count("BELOW") + process.stdout.count("ABOVE") == len(missed)


@pytest.mark.exhaustive
def test_degradations_agree_with_the_plain_implementation(tiny: tuple[subprocess.CompletedProcess, dict]) -> None:
    differences = [row for row in tiny[1]["parts"]["degradations"] if "difference" in row["name"]]
    assert len(differences) == 2
    assert all(row["holds"] for row in differences)


def test_each_part_can_be_imported() -> None:
    for module in PARTS.values():
        assert callable(importlib.import_module(f"tests.bench.{module}").measure)


def test_rows_compare_the_median_with_their_bound() -> None:
    assert Row("speed", (3.9, 4.0, 9.0), 4.0).holds
    assert not Row("speed", (3.9, 3.9, 9.0), 4.0).holds
    assert Row("wait", (4.9,), 5.0, at_most=True).holds
    assert not Row("wait", (5.1,), 5.0, at_most=True).holds
    assert Row("recorded", (0.1,)).holds
    assert "BELOW" in Row("speed", (1.0,), 4.0).format()
    assert "ABOVE" in Row("wait", (6.0,), 5.0, at_most=True).format()


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["speed"])
    assert stopped.value.code == 2
    assert "unknown part 'speed' (there are degradations," in capsys.readouterr().err
