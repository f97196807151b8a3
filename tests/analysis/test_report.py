import json
import re
import shutil

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from skimage import data

from analysis.report import main
from shared.data.sources import DataConfig, open_images
from tests.analysis.logged_runs import logged
from tests.analysis.small_encoders import save_small_encoder
from tests.shared.probing.small_probes import THREE_BLURS


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


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures are composed but not drawn, most of what a report takes: for tests that look at none."""
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)


def arguments(place, *more: str) -> list[str]:
    return [
        str(place / "runs/pretrain/mine"),
        f"runs_dir={place / 'runs'}",
        f"probe={place / 'three.yaml'}",
        "data=folder",
        f"data.root={place / 'images'}",
        f"data.cache_dir={place / 'cache'}",
        "size=48",
        "patch=32",
        "repeats=20",
        "map=pca",
        "accelerator=cpu",
        *more,
    ]


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
    assert scores["differences"]["mine - untrained dasr"]["nmi"] == [0, 0, 0]  # it was saved as it was drawn
    assert "NaN" not in (report / "scores.json").read_text()
    for one in scores["subjects"]["mine"]["silhouette"].values():
        low, high = one["interval"]
        assert low <= one["value"] <= high
    (low, high), value = (scores["subjects"]["mine"][key][0][1] for key in ("separation_interval", "separation"))
    assert low <= value <= high
    assert "its artefact does not record the training images" in scores["table"]
    with np.load(report / "embeddings.npz") as stored:
        assert stored["embedding_0"].shape == (48, 256)
        assert stored["words"][0] == "round blur 0.3 px"
        assert stored["place"].shape == (48, 2)
        assert set(stored["image_names"]) <= {f"{i}.png" for i in range(8)}
    assert (report.parent / "latest").read_text().strip() == report.name


def test_a_second_run_prints_the_same_without_computing(report, place, capsys):
    before = {path: path.stat().st_mtime_ns for path in report.iterdir()}
    assert main(arguments(place)) == 0
    printed = capsys.readouterr().out
    assert "made before" in printed
    assert "mine better than" in printed
    assert {path: path.stat().st_mtime_ns for path in report.iterdir()} == before


def test_a_name_taken_by_another_look_is_refused(report, place, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments(place, "seed=1", "name=mine-three"))
    assert stopped.value.code == 2
    assert "seed: 0 -> 1): give another name=" in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
def test_another_look_without_a_name_gets_a_folder_of_its_own(report, place, capsys):
    assert main(arguments(place, "layer=map")) == 0
    printed = capsys.readouterr().out
    assert "made before" not in printed
    assert "layer map" in printed
    made = {path.name for path in report.parent.iterdir() if path.is_dir() and not path.is_symlink()}
    assert sum(name.startswith("mine-three") for name in made) == 2


@pytest.mark.usefixtures("undrawn")
def test_a_report_that_fails_leaves_nothing(place, capsys, monkeypatch):
    import analysis.report_files

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(analysis.report_files, "write_page", full)
        with pytest.raises(SystemExit):
            main(arguments(place, "name=full"))
    assert "No space left" in capsys.readouterr().err
    folder = place / "runs" / "analysis"
    assert not [path for path in folder.iterdir() if path.name.startswith((".full.partial", "full"))]
    assert main(arguments(place, "name=full")) == 0


@pytest.mark.usefixtures("undrawn")
def test_the_loss_is_compared_with_its_floor_on_views_as_in_training(place, capsys):
    run = save_small_encoder(place / "runs" / "pretrain" / "logged" / "encoder").parent
    logged(run)
    assert main([str(run), *arguments(place, "name=floor")[1:]]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "its contrastive loss ended at 3.05, with the keys of 12 other degradations as negatives; two patches"
        in printed
    )
    found = json.loads((place / "runs/analysis/floor/scores.json").read_text())["subjects"]["logged"][
        "contrastive_loss"
    ]
    assert found["floor"] == pytest.approx(np.log(13) - found["read"])
    assert found["distance"] == pytest.approx(3.05 - found["floor"], abs=1e-3)
    low, high = found["read_interval"]
    assert 0 <= low <= found["read"] <= high
    assert f"below a loss of {found['floor']:.2f}; the loss is {found['distance']:.2f} higher." in printed


@pytest.mark.usefixtures("undrawn")
def test_images_that_were_trained_on_are_left_out_of_the_probe_set(place, capsys):
    _, held_out = open_images(DataConfig(kind="folder", root=str(place / "images"), cache_dir=str(place / "cache")), 52)
    assert len(held_out) == 4
    known = held_out.select([0])
    run = save_small_encoder(place / "runs" / "pretrain" / "knows-one" / "encoder", seen=known).parent
    assert main([str(run), *arguments(place, "name=one-left-out")[1:]]) == 0
    printed = capsys.readouterr().out
    assert f"held-out images omitted because knows-one was trained on them (1): {known.names[0]}" in printed
    assert "3 held-out images" in printed
    run = save_small_encoder(place / "runs" / "pretrain" / "knows-three" / "encoder", seen=held_out.select([0, 1, 2]))
    with pytest.raises(SystemExit):
        main([str(run), *arguments(place, "name=none-left")[1:]])
    assert "3 of the 4 held-out images were in the training set of knows-three" in capsys.readouterr().err


@pytest.fixture
def supervised(place):
    """A finished supervised run; what it was trained on is written by the test."""
    run = place / "runs" / "pretrain" / "known"
    yield run
    shutil.rmtree(run)


def finish_supervised(run, seen=None) -> None:
    save_small_encoder(run / "encoder", seed=7, method="supervised", seen=seen)
    (run / "config.json").write_text(json.dumps({"method": {"name": "supervised"}}))
    (run / "metrics.json").write_text("{}")


@pytest.mark.usefixtures("undrawn")
def test_a_supervised_run_is_labelled_and_omitted_if_it_was_trained_on_the_images(report, place, supervised, capsys):
    finish_supervised(supervised)
    assert main(arguments(place)) == 0  # the same command as for `report`
    printed = capsys.readouterr().out
    assert "made before" not in printed
    assert "known (supervised)" in printed
    _, held_out = open_images(DataConfig(kind="folder", root=str(place / "images"), cache_dir=str(place / "cache")), 52)
    finish_supervised(supervised, held_out.select([2]))
    assert main(arguments(place, "name=without")) == 0
    printed = capsys.readouterr().out
    assert f"omitted the supervised ceiling {supervised}: it was trained on images of the probe set." in printed
    assert "(supervised)" not in printed


@pytest.mark.usefixtures("undrawn")
def test_a_supervised_run_that_breaks_does_not_stop_the_report(place, supervised, capsys, monkeypatch):
    import analysis.run

    finish_supervised(supervised)
    real = analysis.run.embed_cached

    def breaks(embedder, *rest, **more):
        if embedder.method == "supervised":
            raise RuntimeError("out of memory")
        return real(embedder, *rest, **more)

    monkeypatch.setattr(analysis.run, "embed_cached", breaks)
    assert main(arguments(place, "name=broken-ceiling")) == 0
    assert "omitted the supervised ceiling" in capsys.readouterr().out


NOTHING_VARIES = (
    "rows:\n  - {name: once, steps: [{quantize: {}}]}\n  - {name: twice, steps: [{quantize: {}}, {quantize: {}}]}\n"
)


def test_degradations_that_differ_in_no_parameter(place, capsys):
    (place / "same.yaml").write_text(NOTHING_VARIES)
    assert main(arguments(place, f"probe={place / 'same.yaml'}")) == 0
    assert "R^2" not in capsys.readouterr().out.split("In brackets")[0]
    made = place / "runs" / "analysis" / "mine-same"
    assert (made / "separation-mine.png").exists()
    assert not (made / "probes-mine.png").exists()


@pytest.mark.usefixtures("undrawn")
def test_rows_with_other_names_are_another_question(place, capsys):
    (place / "named.yaml").write_text(THREE_BLURS)
    assert main(arguments(place, f"probe={place / 'named.yaml'}")) == 0
    (place / "named.yaml").write_text(THREE_BLURS.replace("soft", "hazy"))
    capsys.readouterr()
    assert main(arguments(place, f"probe={place / 'named.yaml'}")) == 0
    assert "made before" not in capsys.readouterr().out


@pytest.mark.usefixtures("undrawn")
def test_all_requested_encoders_are_compared(place, capsys):
    save_small_encoder(place / "runs" / "pretrain" / "other" / "encoder", seed=11)
    encoders = [str(place / "runs" / "pretrain" / name) for name in ("mine", "other")]
    assert main([*encoders, "statistics", *arguments(place, "name=three")[1:]]) == 0
    assert "other better than" in capsys.readouterr().out
    differences = json.loads((place / "runs/analysis/three/scores.json").read_text())["differences"]
    assert {"mine - other", "mine - statistics", "other - statistics"} <= set(differences)
    assert sum(name.startswith("mine - untrained dasr") for name in differences) == 2
    assert not any(name.startswith("other - untrained") for name in differences)


FOUR_WIDTHS = "rows:\n" + "".join(
    f"  - {{name: 'width {sigma}', steps: [{{gaussian: {{sigma: {sigma}}}}}, {{quantize: {{}}}}]}}\n"
    for sigma in (0.5, 1, 2, 3)
)


def test_a_parameter_that_varies_alone_is_drawn_and_stored(place, capsys):
    (place / "widths.yaml").write_text(FOUR_WIDTHS)
    assert main(arguments(place, f"probe={place / 'widths.yaml'}")) == 0
    made = place / "runs" / "analysis" / "mine-widths"
    assert {"sweeps.png", "paths-mine.png"} <= {path.name for path in made.iterdir()}
    stored = json.loads((made / "scores.json").read_text())
    assert stored["sweeps"] == {"round blur width": {"unit": "px", "values": pytest.approx([0.5, 1, 2, 3])}}
    for subject in stored["subjects"].values():
        curve = subject["sweeps"]["round blur width"]
        assert curve["median"][0] == 0
        assert -1 <= curve["rank_correlation"] <= 1
    text = (made / "page.html").read_text()
    page = json.loads(re.search(r'id="page-data">(.*?)</script>', text, re.DOTALL)[1])
    assert [(sweep["at"], len(sweep["paths"][0])) for sweep in page["sweeps"]] == [([0.5, 1, 2, 3], 4)]
    printed = " ".join(capsys.readouterr().out.split())
    assert all(sentence.replace("\N{NO-BREAK SPACE}", " ") in printed for sentence in stored["verdict"])


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
        "degradation",
        "kind",
        "image",
        "blur_width",
        "anisotropy",
        "angle",
    ]
    (sprite,) = exported.rglob("sprite.png")
    assert cv2.imread(str(sprite)).shape[0] >= 32 * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("prob=grid",), "unknown option 'prob'; did you mean probe?"),
        (("probe=gird",), "unknown probe 'gird'; did you mean grid?"),
        (("layer=maps",), "layer='maps' must be one of vector, map, projection, all"),
        (("layer=projection",), "contains no projector"),
        (("size=5",), "size=5 patches are too few for 3 degradations of two images: use at least 6"),
        (("patch=200",), "is smaller than 22"),
        (("size=10001",), "size=10001 must be at most 10000"),
        (("name=a/b",), "must be a plain folder name"),
        (("data.root=nowhere",), "nowhere"),
        (("runs_dir=/dev/null/x",), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(change, message, place, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments(place, *change))
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1


def test_without_an_encoder_the_message_names_the_command(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([f"runs_dir={tmp_path}"])
    assert "`make pretrain` trains one" in capsys.readouterr().err


def test_not_a_number_is_reported(place, tmp_path, capsys, monkeypatch):
    import analysis.run

    monkeypatch.setattr(analysis.run, "embed_cached", lambda *_, **__: np.full((48, 4), np.nan, dtype=np.float32))
    with pytest.raises(SystemExit):
        main(arguments(place, "name=broken"))
    assert "mine: 48 of 48 embeddings are NaN" in capsys.readouterr().err
    assert not (place / "runs" / "analysis" / "broken").exists()


def test_a_collapsed_encoder_is_drawn_and_reported(place, capsys, monkeypatch):
    import analysis.run

    monkeypatch.setattr(analysis.run, "embed_cached", lambda *_, **__: np.ones((48, 4), dtype=np.float32))
    assert main(arguments(place, "name=collapsed", "map=umap")) == 0
    assert "all embeddings of the probe set coincide: the encoder has collapsed" in capsys.readouterr().out
    assert (place / "runs" / "analysis" / "collapsed" / "map-mine.png").exists()


def test_help(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "Probes (probe=NAME): continuous, dasr_figure, grid, sweep, unseen" in printed
    assert "layer: Layer to analyse: `vector`" in printed
