"""Report folders: complete or absent, and found again by their configuration."""

import json

import pytest

from shared.files import write_json
from shared.run_folders import find_newest_run
from shared.run_folders.report_folder import ReportFolder
from tests.killed_runs import name_of_a_dead_writer

CONFIG = {"probe": "grid", "runs_dir": "x", "data": {"root": None, "cache_dir": "a"}, "encoders": {"a": "1", "b": "2"}}


def make_folder(tmp_path, name: str = "", **changed) -> ReportFolder:
    return ReportFolder(
        str(tmp_path),
        "analysis",
        name=name,
        default="a-grid",
        config=CONFIG | changed,
        results="scores.json",
        required=("page.html",),
    )


def write_report(report: ReportFolder, score: int = 1) -> None:
    with report.lock(), report.writing() as folder:
        (folder / "page.html").write_text("page")
        (folder / "plots").mkdir()
        (folder / "plots" / "a.png").write_text("picture")
        write_json(folder / "scores.json", {"score": score})


def fail_halfway(report: ReportFolder, error: type[BaseException]) -> None:
    with report.lock(), report.writing() as folder:
        (folder / "page.html").write_text("half")
        raise error


def test_a_report_is_found_again_by_its_configuration(tmp_path):
    report = make_folder(tmp_path)
    assert report.load() is None
    write_report(report)
    assert report.path == tmp_path / "analysis" / "a-grid"
    assert find_newest_run(str(tmp_path), "analysis") == report.path
    again = make_folder(tmp_path, data={"root": None, "cache_dir": "elsewhere"}, runs_dir="y")
    assert again.load() == {"score": 1}
    assert json.loads((report.path / "config.json").read_text())["probe"] == "grid"


@pytest.mark.parametrize(
    "changed", [{"layer": "map"}, {"encoders": {"a": "1", "b": "3"}}, {"encoders": {"a": "1", "b": "2", "c": "3"}}]
)
def test_another_configuration_gets_another_folder_unless_it_has_a_name(tmp_path, changed):
    write_report(make_folder(tmp_path))
    other = make_folder(tmp_path, **changed)
    assert other.path.name.startswith("a-grid-")
    assert other.path == make_folder(tmp_path, **changed).path
    assert other.load() is None
    write_report(other, score=2)
    assert make_folder(tmp_path).load() == {"score": 1}
    assert make_folder(tmp_path, **changed).load() == {"score": 2}
    with pytest.raises(ValueError, match=r"a-grid holds a run with another configuration \(.*give another name="):
        make_folder(tmp_path, name="a-grid", **changed).load()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_halfway_leaves_nothing(tmp_path, error):
    report = make_folder(tmp_path)
    with pytest.raises(error):
        fail_halfway(report, error)
    assert [path.name for path in (tmp_path / "analysis").iterdir()] == [".a-grid.lock"]
    write_report(report)
    assert report.load() == {"score": 1}


def test_the_remains_of_a_kill_are_deleted(tmp_path):
    report = make_folder(tmp_path)
    remains = name_of_a_dead_writer(report.path)
    remains.mkdir(parents=True)
    (remains / "old.png").write_text("half")
    write_report(report)
    assert not remains.exists()
    assert not (report.path / "old.png").exists()


def test_a_report_without_its_page_is_made_again_and_the_files_of_the_user_stay(tmp_path):
    report = make_folder(tmp_path)
    write_report(report)
    (report.path / "page.html").unlink()
    (report.path / "notes.txt").write_text("mine")
    assert report.load() is None
    write_report(report, score=2)
    assert report.load() == {"score": 2}
    assert (report.path / "notes.txt").read_text() == "mine"


def test_files_of_another_kind_are_left_alone(tmp_path):
    (tmp_path / "analysis" / "a-grid").mkdir(parents=True)
    (tmp_path / "analysis" / "a-grid" / "thesis.txt").write_text("mine")
    assert make_folder(tmp_path).path.name.startswith("a-grid-")
    with pytest.raises(ValueError, match="holds files that do not belong to a run"):
        make_folder(tmp_path, name="a-grid").load()
