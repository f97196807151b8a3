"""Atomic writing."""

from pathlib import Path

import pytest

from shared.files import write_atomically


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    write_atomically(path, b"old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed here")))
    with pytest.raises(OSError, match="killed here"):
        write_atomically(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]
    assert path.read_bytes() == b"old"
