"""Runs that store samples, so that their encoder reads photographs at once."""

import cv2
import pytest
from skimage import data

import shared.readings.opening
from analysis import read_photographs
from pretrain.train import main
from shared.readings import SAMPLES_FILE
from tests.pretrain.test_train import small_run


def test_an_encoder_with_stored_samples_reads_photographs_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("shared.readings.samples.COUNTS", (1,))
    arguments = small_run(tmp_path / "runs", "read", "steps=1", "readings=200", "data.dead_leaves=0")
    assert main(arguments) == 0
    assert (tmp_path / "runs" / "pretrain" / "read" / "encoder" / SAMPLES_FILE).is_file()
    cv2.imwrite(str(tmp_path / "a.png"), data.coffee()[:100, :120])
    monkeypatch.setattr(shared.readings.opening, "draw_samples", lambda *_, **__: pytest.fail("drawn"))
    (entry,) = read_photographs(
        [tmp_path / "a.png"], encoder=tmp_path / "runs/pretrain/read", cache_dir=str(tmp_path / "cache")
    )
    assert entry["image"] == str(tmp_path / "a.png")
    assert entry["verdict"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("readings=100",), "readings=100 must be 0 or at least 200"),
        (("readings=200", "data=folder"), "readings need photographs of at least 192 pixels per side, not 128"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_the_run(tmp_path, capsys, options, message):
    for i in range(4):
        cv2.imwrite(str(tmp_path / f"{i}.png"), data.coffee()[i * 20 :, i * 30 :][:128, :128])
    root = [f"data.root={tmp_path}"] if "data=folder" in options else []
    arguments = [argument for argument in small_run(tmp_path / "runs", "no") if not argument.startswith("data.")]
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, *options, *root])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs" / "pretrain" / "no" / "last.ckpt").exists()
