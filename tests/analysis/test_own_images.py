import json
import re

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from analysis.embed import main
from analysis.own_images import place_patches
from shared.artefacts import EncoderArtefact
from shared.readings import SAMPLES_FILE
from tests.analysis.small_encoders import save_small_encoder
from tests.shared.probing.small_probes import THREE_BLURS, small_store
from tests.shared.readings.synthetic_samples import draw_synthetic


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    for folder in ("mine", "images"):
        (root / folder).mkdir()
    photograph = data.astronaut()[..., ::-1]
    for i in range(8):
        crop = photograph[50 * (i // 3) :, 120 * (i % 3) :][:96, :96]
        cv2.imwrite(str(root / "images" / f"{i}.png"), crop)
        cv2.imwrite(str(root / "mine" / f"{i}.png"), cv2.GaussianBlur(crop, (0, 0), 2.0) if i % 2 else crop)
    (root / "mine" / "broken.png").write_text("no image")
    (root / "three.yaml").write_text(THREE_BLURS)
    encoder = save_small_encoder(root / "runs" / "pretrain" / "it" / "encoder")
    samples = draw_synthetic(200, 0, features=256 + 2)  # they fit any encoder of this width, but are of none
    samples.save(encoder / SAMPLES_FILE, EncoderArtefact.open(encoder).digest)
    return root


def options(place, *more: str) -> list[str]:
    return [
        f"encoder={place / 'runs/pretrain/it'}",
        f"runs_dir={place / 'runs'}",
        f"probe={place / 'three.yaml'}",
        "data=folder",
        f"data.root={place / 'images'}",
        f"data.cache_dir={place / 'cache'}",
        "size=48",
        "patch=32",
        "map=pca",
        "accelerator=cpu",
        *more,
    ]


def test_own_images_are_read_and_the_bad_one_is_named(place, capsys, caplog):
    assert main([str(place / "mine"), *options(place)]) == 0
    printed = capsys.readouterr().out
    assert "broken.png" in caplog.text
    folder = place / "runs" / "analysis" / "mine-by-it"
    entries = json.loads((folder / "readings.json").read_text())
    assert [entry["image"] for entry in entries] == [str(place / "mine" / f"{i}.png") for i in range(8)]
    assert list(entries[0]) == ["image", "verdict", "blur_px", "noise", "jpeg_quality", "motion_px", "angle_degrees"]
    stored = json.loads((folder / "scores.json").read_text())["images"]
    assert [f"{row['image']}  group {row['group']}  {row['verdict']}" for row in stored] == printed.splitlines()[:8]
    assert [row["verdict"] for row in stored] == [entry["verdict"] for entry in entries]
    assert min(row["group"] for row in stored) == 1
    assert (folder / "page.html").stat().st_size > 10_000
    with np.load(folder / "embeddings.npz") as arrays:
        assert arrays["embedding"].shape == (len(arrays["image"]), 256)


def test_images_smaller_than_a_patch_are_in_the_list_only(place, capsys):
    folder = place / "small"
    folder.mkdir()
    for side in (20, 96):
        cv2.imwrite(str(folder / f"{side}.png"), cv2.imread(str(place / "mine" / "0.png"))[:side, :side])
    assert main([str(folder), *options(place, "name=small")]) == 0
    printed = capsys.readouterr().out
    assert "20.png  group -  cannot tell: too small, 20x20 pixels: a window has 64" in printed
    assert "96.png  group 1  " in printed
    assert "not on the page, because smaller than a patch: 1 image(s)" in printed


def test_the_page_shows_them_among_the_patches_of_the_probe_set(place):
    assert main([str(place / "mine"), *options(place, "name=among")]) == 0
    text = (place / "runs" / "analysis" / "among" / "page.html").read_text()
    page = json.loads(re.search(r'id="page-data">(.*?)</script>', text, re.DOTALL)[1])
    count = len(page["patches"])
    own = [row for row in range(count) if page["degradation"]["index"][row] < 0]
    assert count - len(own) == 48
    assert own == list(range(len(own)))
    assert page["family"]["names"][0] == "your images, group 1"
    assert page["degradation"]["names"] == ["sharp", "soft", "noisy, soft"]
    assert len(page["sources"]) == len(page["image"]["names"]) == len(page["image_notes"])
    assert page["sources"][0]["width"] == 96
    assert page["image_notes"][0]
    told = {page["words"]["names"][page["words"]["index"][row]] for row in own}
    assert told == {"not known"}  # a sentence on an image is not repeated for each of its patches
    near = page["neighbours"]["it"]["others"][0]
    assert all(page["image"]["index"][row] != 0 for row in near)
    for parameter in page["parameters"]:
        known = [value for value in parameter["values"] if value is not None]
        assert min(known) >= 0


def test_a_second_run_prints_the_same_without_computing(place, capsys):
    assert main([str(place / "mine"), *options(place, "name=twice")]) == 0
    first = capsys.readouterr().out.splitlines()
    assert main([str(place / "mine"), *options(place, "name=twice")]) == 0
    second = capsys.readouterr().out.splitlines()
    assert second[:-1] == first[:-1]
    assert "made before" in second[-1]


def test_a_report_of_an_earlier_format_is_made_again(place, capsys, monkeypatch):
    data = [str(place / "mine"), *options(place, f"runs_dir={place / 'old_runs'}")]
    with monkeypatch.context() as earlier:
        earlier.setattr("analysis.own_images.FORMAT", 2)
        assert main(data) == 0
    assert main(data) == 0
    assert "made before" not in capsys.readouterr().out
    assert main(data) == 0
    assert "made before" in capsys.readouterr().out


def test_more_patches_than_a_page_holds_are_sampled_with_a_note(place, monkeypatch):
    monkeypatch.setattr("analysis.own_page.MAX_OWN", 30)
    monkeypatch.setattr("analysis.own_images.BATCH", 7)
    assert main([str(place / "mine"), *options(place, "name=sampled")]) == 0
    folder = place / "runs" / "analysis" / "sampled"
    with np.load(folder / "embeddings.npz") as arrays:
        count = len(arrays["embedding"])
    assert f"The map shows 30 of the {count} patches" in (folder / "page.html").read_text()


@pytest.mark.parametrize(
    ("value", "printed"),
    [(1.0, "all embeddings of the probe set coincide: the encoder has collapsed"), (np.nan, "it: 48 of 48 embeddings")],
)
def test_a_broken_encoder_is_reported(place, capsys, monkeypatch, value, printed):
    broken = np.full((48, 256), value, np.float32)
    monkeypatch.setattr("analysis.own_images.embed_cached", lambda *_, **__: broken)
    arguments = [str(place / "mine"), *options(place, f"name=broken-{value}")]
    if np.isnan(value):
        with pytest.raises(SystemExit):
            main(arguments)
        assert not (place / "runs" / "analysis" / "broken-nan").exists()
    else:
        assert main(arguments) == 0
    assert printed in "".join(capsys.readouterr())


def test_windows_cover_an_image_evenly():
    store = small_store(3)
    image, top, left = place_patches(store, 32, 9)
    assert image.dtype == top.dtype == left.dtype == torch.int64
    assert torch.bincount(image).tolist() == [9, 9, 9]
    assert sorted(set(top.tolist())) == sorted(set(left.tolist())) == [11, 32, 53]
    image, top, _ = place_patches(store, 96, 9)
    assert len(image) == 3
    assert top.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("images", "change", "message"),
    [
        ((), (), "no images given"),
        (("nowhere.png",), (), "nowhere.png: no such file or folder"),
        (("mine/broken.png",), (), "1 of 1 images in the given paths cannot be used"),
        (("mine",), ("patch=200",), "patch=200: no image has 200 pixels per side"),
        (("mine",), ("probe=blur",), "own images are shown among listed degradations"),
        (("mine",), ("layer=all",), "layer=all: only `make embed-viz` shows several layers"),
        (("mine",), ("patches=0",), "patches=0 must be within 1..10000"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(images, change, message, place, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*(str(place / image) for image in images), *options(place, *change)])
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1


def test_help(capsys):
    assert main(["--help"]) == 0
    assert "patches: Number of patches per image" in capsys.readouterr().out
