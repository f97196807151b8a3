import json

import pytest

from shared.files import write_json
from shared.run_folders.report_folder import ReportFolder

ASKED = {"probe": "grid", "runs_dir": "x", "data": {"root": None, "cache_dir": "a"}, "subjects": {"a": "1", "b": "2"}}


def folder_for(tmp_path, name: str = "", **changed) -> ReportFolder:
    return ReportFolder(
        str(tmp_path), "analysis", name=name, default="a-grid", asked=ASKED | changed, results="scores.json",
        needed=("page.html",),
    )  # fmt: skip


def make(report: ReportFolder, said: int = 1) -> None:
    with report.lock(), report.writing() as folder:
        (folder / "page.html").write_text("page")
        (folder / "plots").mkdir()
        (folder / "plots" / "a.png").write_text("picture")
        write_json(folder / "scores.json", {"said": said})


def make_half(report: ReportFolder, error: type[BaseException]) -> None:
    with report.lock(), report.writing() as folder:
        (folder / "page.html").write_text("half")
        raise error


def test_a_report_is_found_again_by_what_was_asked(tmp_path):
    report = folder_for(tmp_path)
    assert report.load() is None
    make(report)
    assert report.path == tmp_path / "analysis" / "a-grid"
    assert (tmp_path / "analysis" / "latest").resolve() == report.path
    again = folder_for(tmp_path, data={"root": None, "cache_dir": "elsewhere"}, runs_dir="y")
    assert again.load() == {"said": 1}
    assert json.loads((report.path / "config.json").read_text())["probe"] == "grid"


@pytest.mark.parametrize(
    "changed", [{"layer": "map"}, {"subjects": {"a": "1", "b": "3"}}, {"subjects": {"a": "1", "b": "2", "c": "3"}}]
)
def test_another_question_gets_another_folder_unless_it_has_a_name(tmp_path, changed):
    make(folder_for(tmp_path))
    other = folder_for(tmp_path, **changed)
    assert other.path.name.startswith("a-grid-")
    assert other.path == folder_for(tmp_path, **changed).path
    assert other.load() is None
    make(other, said=2)
    assert folder_for(tmp_path).load() == {"said": 1}
    assert folder_for(tmp_path, **changed).load() == {"said": 2}
    with pytest.raises(ValueError, match=r"a-grid holds a run of another configuration \(.*give another name="):
        folder_for(tmp_path, name="a-grid", **changed).load()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_stops_in_between_leaves_nothing(tmp_path, error):
    report = folder_for(tmp_path)
    with pytest.raises(error):
        make_half(report, error)
    assert [path.name for path in (tmp_path / "analysis").iterdir()] == [".a-grid.lock"]
    make(report)
    assert report.load() == {"said": 1}


def test_what_a_kill_leaves_is_swept_away(tmp_path):
    report = folder_for(tmp_path)
    left = tmp_path / "analysis" / ".a-grid.partial"
    left.mkdir(parents=True)
    (left / "old.png").write_text("half")
    make(report)
    assert not left.exists()
    assert not (report.path / "old.png").exists()


def test_a_report_without_its_page_is_made_again_and_keeps_what_a_user_put_there(tmp_path):
    report = folder_for(tmp_path)
    make(report)
    (report.path / "page.html").unlink()
    (report.path / "notes.txt").write_text("mine")
    assert report.load() is None
    make(report, said=2)
    assert report.load() == {"said": 2}
    assert (report.path / "notes.txt").read_text() == "mine"


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "analysis" / "a-grid").mkdir(parents=True)
    (tmp_path / "analysis" / "a-grid" / "thesis.txt").write_text("mine")
    assert folder_for(tmp_path).path.name.startswith("a-grid-")
    with pytest.raises(ValueError, match="holds files that are not of a run"):
        folder_for(tmp_path, name="a-grid").load()
