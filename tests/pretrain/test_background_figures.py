"""Pictures of the embedding, drawn by another process into the run's own TensorBoard."""

import io

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import pretrain.background_figures
from pretrain.train import main

SMALL = [
    "encoder=dasr", "views=2x32", "batch_size=4", "steps=3", "precision=fp32", "data.dead_leaves=2", "figures_every=2",
]  # fmt: skip


def test_a_run_draws_its_embedding_while_it_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain.background_figures, "PATCHES", 200)
    assert main([*SMALL, f"runs_dir={tmp_path}", "name=drawn"]) == 0
    folder = tmp_path / "pretrain" / "drawn"
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    for tag in ("analysis/map", "analysis/separation"):
        (picture,) = events.Images(tag)
        assert picture.step == 2
        assert min(Image.open(io.BytesIO(picture.encoded_image_string)).size) > 300
    assert not list(folder.glob(".snapshot*"))


def test_a_picture_that_fails_does_not_stop_the_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pretrain.background_figures, "PATCHES", 5)  # too few for the grid
    assert main([*SMALL, f"runs_dir={tmp_path}", "name=failed"]) == 0
    assert "figures could not be drawn: snapshot: size=5 patches are too few" in caplog.text


def test_a_folder_that_no_run_made_for_it_is_never_deleted(tmp_path, capsys):
    from analysis.snapshot import main

    (tmp_path / "precious").mkdir()
    with pytest.raises(SystemExit):
        main([str(tmp_path / "precious"), "log=tb", "step=1"])
    assert (tmp_path / "precious").is_dir()
    assert "only a folder named .snapshot-N" in capsys.readouterr().err
