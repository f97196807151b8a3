import cv2
import pytest
import torch
from skimage import data

import shared.readings.opening
from shared.artefacts import EncoderArtefact
from shared.data.sources import DataConfig, open_images
from shared.readings import SAMPLES_FILE, open_reader
from shared.readings.samples import MIN_SIDE
from tests.analysis.small_encoders import save_small_encoder


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr("shared.readings.opening.COUNT", 144)
    monkeypatch.setattr("shared.readings.samples.COUNTS", (1,))  # window each


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("readings")
    (root / "images").mkdir()
    for i in range(8):
        crop = data.astronaut()[100 * (i // 4) :, 100 * (i % 4) :][:MIN_SIDE, :MIN_SIDE]
        cv2.imwrite(str(root / "images" / f"{i}.png"), cv2.resize(crop, (MIN_SIDE, MIN_SIDE)))
    save_small_encoder(root / "encoder")
    return root


def options(place) -> DataConfig:
    return DataConfig(kind="folder", root=str(place / "images"), cache_dir=str(place / "cache"))


def read_one(place, path, cache):
    reader = open_reader(path, options(place), cache, device=torch.device("cpu"), bf16=False)
    return reader.read(torch.from_numpy(data.astronaut()[:200, :200].copy()).permute(2, 0, 1))


def test_samples_are_drawn_once_per_encoder(place, tmp_path, monkeypatch):
    first = read_one(place, place / "encoder", tmp_path)
    (file,) = (tmp_path / "readings").iterdir()
    with monkeypatch.context() as again:
        again.setattr(shared.readings.opening, "draw_samples", lambda *_, **__: pytest.fail("drawn again"))
        assert read_one(place, place / "encoder", tmp_path) == first
        save_small_encoder(tmp_path / "other", seed=4)
        with pytest.raises(pytest.fail.Exception, match="drawn again"):
            read_one(place, tmp_path / "other", tmp_path)
    file.write_bytes(b"damaged")
    assert read_one(place, place / "encoder", tmp_path) == first


def test_samples_that_come_with_an_encoder_are_used(place, tmp_path, monkeypatch):
    expected = read_one(place, place / "encoder", tmp_path)
    (file,) = (tmp_path / "readings").iterdir()
    save_small_encoder(tmp_path / "encoder")
    (tmp_path / "encoder" / SAMPLES_FILE).write_bytes(file.read_bytes())
    monkeypatch.setattr(shared.readings.opening, "draw_samples", lambda *_, **__: pytest.fail("drawn"))
    assert read_one(place, tmp_path / "encoder", tmp_path / "empty") == expected
    save_small_encoder(tmp_path / "encoder", seed=4)
    with pytest.raises(ValueError, match=r"readings\.npz cannot be used: it belongs to another encoder"):
        read_one(place, tmp_path / "encoder", tmp_path / "empty")


def test_a_cache_that_cannot_be_written_is_a_warning(place, tmp_path, caplog):
    (tmp_path / "readings").write_text("a file")
    assert read_one(place, place / "encoder", tmp_path)
    assert "the samples are not cached: cannot write to" in caplog.text


def test_an_encoder_that_has_seen_the_held_out_images_is_refused(place, tmp_path):
    _, held_out = open_images(options(place), MIN_SIDE)
    save_small_encoder(tmp_path / "encoder", seen=held_out)
    assert EncoderArtefact.open(tmp_path / "encoder").metadata["training_images"] == len(held_out)
    with pytest.raises(ValueError, match="was trained on the held-out images: give others"):
        read_one(place, tmp_path / "encoder", tmp_path)
