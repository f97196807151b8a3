"""Atomic writing."""

import multiprocessing
import os
from pathlib import Path

import pytest

from shared.files import make_private_path, open_atomic, write_atomically
from tests.killed_runs import name_of_a_dead_writer


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    write_atomically(path, b"old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed here")))
    with pytest.raises(OSError, match="killed here"):
        write_atomically(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]
    assert path.read_bytes() == b"old"


def test_two_writers_of_one_file_never_mix(tmp_path):
    path = tmp_path / "large.png"
    with open_atomic(path) as first:
        first.write(b"first")
        with open_atomic(path) as second:
            second.write(b"second, longer")
        assert path.read_bytes() == b"second, longer"
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("has_links", [True, False])
def test_the_first_of_two_writers_wins_where_nothing_is_replaced(tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError("no hard links here")))
    path = tmp_path / "large.png"
    with open_atomic(path, replace=False) as file:
        file.write(b"first")
    with pytest.raises(FileExistsError), open_atomic(path, replace=False) as file:
        file.write(b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def _write_slowly(path: Path, is_open, may_end) -> None:
    with open_atomic(path) as file:
        file.write(b"slow")
        is_open.set()
        may_end.wait(60)


def test_what_a_killed_writer_left_is_deleted_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "a.json"
    remains, of_another_file = name_of_a_dead_writer(path), name_of_a_dead_writer(tmp_path / "b.json")
    for file in (remains, of_another_file):
        file.write_bytes(b"half")
    context = multiprocessing.get_context("spawn")
    is_open, may_end = context.Event(), context.Event()
    process = context.Process(target=_write_slowly, args=(path, is_open, may_end))
    process.start()
    assert is_open.wait(60)
    write_atomically(path, b"fast")
    assert not remains.exists()
    assert of_another_file.exists()
    may_end.set()
    process.join()
    assert process.exitcode == 0
    assert path.read_bytes() == b"slow"


def test_the_longest_names_can_be_written(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    write_atomically(path, b"data")
    assert path.read_bytes() == b"data"
    assert len(make_private_path(path).name) < 100


def test_what_a_writer_on_another_machine_left_is_deleted_after_a_week(tmp_path):
    path = tmp_path / "a.json"
    old, new = (tmp_path / f".a.json.0123abcd-7-{name}.partial" for name in ("old", "new"))
    for file in (old, new):
        file.mkdir()
        (file / "pixels.bin").touch()
    for file in (old / "pixels.bin", old):
        os.utime(file, (0, 0))
    write_atomically(path, b"data")
    assert not old.exists()
    assert new.exists()
