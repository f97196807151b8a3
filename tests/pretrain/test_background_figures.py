"""Figures of the embedding that a second process draws into the TensorBoard of a run."""

import io

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import pretrain.background_figures
from pretrain.train import main

SMALL = [
    "encoder=resnet10t",
    "views=2x16",
    "batch_size=4",
    "steps=3",
    "precision=fp32",
    "data.dead_leaves=2",
    "figures_every=2",
]


def test_a_run_draws_its_embedding_during_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain.background_figures, "PATCHES", 200)
    monkeypatch.setattr(pretrain.background_figures, "MAP", "pca")  # UMAP takes 20 s to load and compile
    assert main([*SMALL, f"runs_dir={tmp_path}", "name=figures"]) == 0
    folder = tmp_path / "pretrain" / "figures"
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    for tag in ("analysis/map", "analysis/separation"):
        (figure,) = events.Images(tag)
        assert figure.step == 2
        assert min(Image.open(io.BytesIO(figure.encoded_image_string)).size) > 300
    assert not list(folder.glob(".snapshot*"))


def test_a_figure_that_fails_does_not_stop_the_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pretrain.background_figures, "MAP", "globe")
    assert main([*SMALL, f"runs_dir={tmp_path}", "name=failed"]) == 0
    assert "figures could not be drawn: snapshot: map='globe' must be one of umap, pca" in caplog.text


def test_only_a_snapshot_folder_is_deleted(tmp_path, capsys):
    from analysis.snapshot import main

    (tmp_path / "precious").mkdir()
    with pytest.raises(SystemExit):
        main([str(tmp_path / "precious"), "log=tb", "step=1"])
    assert (tmp_path / "precious").is_dir()
    assert "its name must begin with .snapshot-" in capsys.readouterr().err
