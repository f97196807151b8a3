import json

import cv2
import numpy as np
import pytest
from skimage import data
from small_probe import THREE_BLURS, save_small_encoder
from torch.utils.tensorboard import SummaryWriter

from analysis.report import main
from analysis.run_log import final_loss, probe_curves


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Eight images, a probe of three degradations, and an encoder."""
    root = tmp_path_factory.mktemp("place")
    (root / "images").mkdir()
    photograph = data.astronaut()[..., ::-1]
    for i in range(8):
        top, left = 50 * (i // 3), 120 * (i % 3)
        cv2.imwrite(str(root / "images" / f"{i}.png"), photograph[top : top + 96, left : left + 96])
    (root / "three.yaml").write_text(THREE_BLURS)
    save_small_encoder(root / "runs" / "pretrain" / "mine" / "encoder")
    return root


def arguments(place, *more: str) -> list[str]:
    return [
        str(place / "runs/pretrain/mine"), f"runs_dir={place / 'runs'}", f"probe={place / 'three.yaml'}",
        "data=folder", f"data.root={place / 'images'}", f"data.cache_dir={place / 'cache'}",
        "size=48", "patch=32", "repeats=20", "map=pca", "accelerator=cpu", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def report(place):
    assert main(arguments(place)) == 0
    return place / "runs" / "analysis" / "mine-three"


def test_a_report_holds_everything(report):
    files = {path.name for path in report.iterdir()}
    pictures = {"map-mine", "probes-mine", "separation-mine", "silhouette-mine", "maps", "scores"}
    assert {f"{name}.{kind}" for name in pictures for kind in ("png", "svg")} <= files
    assert {"page.html", "scores.json", "embeddings.npz"} <= files
    scores = json.loads((report / "scores.json").read_text())
    assert list(scores["subjects"]) == ["mine", "untrained dasr", "statistics"]
    assert scores["probe"]["hash"] in scores["heading"]
    assert scores["subjects"]["mine"]["unseen_patches"] == pytest.approx(1 / 3)
    low, high = scores["subjects"]["mine"]["scores"]["knn_accuracy"]["interval"]
    assert 0 <= low <= high <= 1
    assert scores["differences"]["untrained dasr"]["nmi"] == [0, 0, 0]  # it was saved as it was drawn
    with np.load(report / "embeddings.npz") as stored:
        assert stored["embedding_0"].shape == (48, 256)
        assert stored["words"][0] == "gaussian sigma 0.30"
        assert stored["place"].shape == (48, 2)
        assert set(stored["image_names"]) <= {f"{i}.png" for i in range(8)}
    assert (report.parent / "latest").resolve() == report


def test_a_second_look_says_the_same_at_once(report, place, capsys):
    before = {path: path.stat().st_mtime_ns for path in report.iterdir()}
    assert main(arguments(place)) == 0
    said = capsys.readouterr().out
    assert "made before" in said
    assert "mine better than" in said
    assert {path: path.stat().st_mtime_ns for path in report.iterdir()} == before


def test_a_name_taken_by_another_look_is_refused(report, place, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments(place, "seed=1"))
    assert stopped.value.code == 2
    assert "holds a run of another configuration (" in capsys.readouterr().err


def test_the_loss_of_a_run_is_held_against_its_floor(tmp_path):
    run = save_small_encoder(tmp_path / "run" / "encoder").parent
    (run / "config.json").write_text(json.dumps({
        "method": {"name": "simclr"}, "views": {"crops": "2x64+4x48"}, "batch_size": 8, "accumulation": 2,
        "positives": {"count": 1, "side": "key", "aggregate": "pair", "symmetric": True},
    }))  # fmt: skip
    assert final_loss(run) is None
    with SummaryWriter(str(run / "tensorboard")) as board:
        for step in range(1, 21):
            board.add_scalar("train/loss", 5.0 - step / 10, step)
            board.add_scalar("probe/nmi", step / 20, step)
    found = final_loss(run / "encoder")
    assert found.loss == pytest.approx(3.05)  # the mean of the last two
    assert found.negatives == 3 * 2  # the large views are keys, the small ones queries alone
    steps, values = probe_curves(run)["nmi"]
    assert (steps[-1], values[-1]) == (20, pytest.approx(1))
    (run / "config.json").write_text(json.dumps({"method": {"name": "byol"}}))
    assert final_loss(run) is None


def test_drawn_degradations_and_one_layer_of_statistics(place, capsys):
    asked = arguments(place, "probe=blur", "name=drawn", "size=40", "projector=true")
    assert main(["statistics", *asked[1:]]) == 0
    assert "rank correlation" in capsys.readouterr().out
    files = {path.name for path in (place / "runs" / "analysis" / "drawn").iterdir()}
    assert "map-statistics.png" in files
    assert "separation-statistics.png" not in files
    exported = place / "runs" / "analysis" / "drawn" / "projector"
    assert "tensor_path" in (exported / "projector_config.pbtxt").read_text()
    (table,) = exported.rglob("metadata.tsv")
    assert table.read_text().splitlines()[0].split("\t") == [
        "degradation", "family", "image", "blur_width", "anisotropy", "angle",
    ]  # fmt: skip
    (sprite,) = exported.rglob("sprite.png")
    assert cv2.imread(str(sprite)).shape[0] >= 32 * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("prob=grid",), "unknown option 'prob'; did you mean probe?"),
        (("probe=gird",), "unknown probe 'gird'; did you mean grid?"),
        (("layer=maps",), "layer='maps' must be one of vector, map, projection"),
        (("layer=projection",), "keeps no projector"),
        (("size=5",), "size=5 patches are too few for 3 degradations of 4 images: at least 12"),
        (("patch=200",), "is smaller than 22"),
        (("name=a/b",), "must be a plain folder name"),
        (("data.root=nowhere",), "nowhere"),
        (("runs_dir=/dev/null/x",), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(change, message, place, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments(place, *change))
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1


def test_without_an_encoder_it_says_how_to_get_one(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([f"runs_dir={tmp_path}"])
    assert "`make pretrain` makes one" in capsys.readouterr().err


def test_not_a_number_is_said(place, tmp_path, capsys, monkeypatch):
    import analysis.run

    monkeypatch.setattr(analysis.run, "embedded", lambda *_, **__: np.full((48, 4), np.nan, dtype=np.float32))
    with pytest.raises(SystemExit):
        main(arguments(place, "name=broken"))
    assert "48 of 48 embeddings are NaN" in capsys.readouterr().err
    assert not (place / "runs" / "analysis" / "broken" / "scores.json").exists()


def test_a_collapsed_encoder_is_drawn_and_said(place, capsys, monkeypatch):
    import analysis.run

    monkeypatch.setattr(analysis.run, "embedded", lambda *_, **__: np.ones((48, 4), dtype=np.float32))
    assert main(arguments(place, "name=collapsed", "map=umap")) == 0
    assert "all embeddings coincide: the encoder has collapsed" in capsys.readouterr().out
    assert (place / "runs" / "analysis" / "collapsed" / "map-mine.png").exists()


def test_help(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "Probes (probe=NAME): continuous, dasr_figure, grid, unseen" in said
    assert "layer: `vector`" in said
