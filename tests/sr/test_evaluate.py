"""The entry point on real images: golden values, controls, comparisons, files and refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import sr.evaluation.run
from shared.degradations import degrade
from shared.images import read_image, upsample_bicubic, write_image
from sr.evaluate import main
from sr.evaluation.benchmarks import open_benchmarks
from sr.evaluation.protocols import load_protocol
from sr.metrics import psnr_y
from sr.model_artefact import load_model, save_model
from tests.sr.evaluation.small_benchmark import BENCHMARK, GOLDEN, needs_golden, rows_of, small_model, write_data_sets

COLUMNS = "dataset,scale,protocol,kernel,blur_sigma,noise_sigma,images,psnr_y,ssim_y"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Data sets in `data`, and models of three conditionings in `runs`."""
    root = tmp_path_factory.mktemp("root")
    write_data_sets(root / "data")
    for conditioning in ("frozen", "oracle", "none"):
        folder = root / "runs" / "sr" / conditioning / "model"
        save_model(folder, small_model(conditioning), card="# card", metadata={})
    (root / "runs" / "sr" / "latest").write_text("frozen\n")
    return root


def evaluate(root: Path, *arguments: str) -> Path:
    """Runs the command and gives the run's folder."""
    name = next(one.partition("=")[2] for one in arguments if one.startswith("name="))
    options = [f"data.root={root / 'data'}", f"runs_dir={root / 'runs'}", "accelerator=cpu", "repeats=20"]
    assert main([*options, *arguments]) == 0
    return root / "runs" / "sr-eval" / name


def model(root: Path, conditioning: str) -> str:
    return str(root / "runs" / "sr" / conditioning)


@needs_golden
@pytest.mark.parametrize(("protocol", "scale"), [("dasr_iso", 4), ("gaussian8", 3)])
def test_bicubic_meets_the_golden_values(tmp_path, capsys, protocol, scale):
    """Published rows are printed below the measured ones and written to no file."""
    options = [f"data.root={BENCHMARK}", "datasets=[Set5]", f"runs_dir={tmp_path}", "name=golden", "repeats=20"]
    assert main(["bicubic", f"protocol={protocol}", f"scale={scale}", *options]) == 0
    found = rows_of(tmp_path / "sr-eval" / "golden" / "table.csv")
    golden = [
        row
        for row in rows_of(GOLDEN / f"{protocol}_bicubic.csv")
        if (row["dataset"], row["scale"]) == ("Set5", str(scale))
    ]
    if protocol == "gaussian8":
        assert len(found) == 8
        mean = np.mean([float(row["psnr_y"]) for row in found])
        assert mean == pytest.approx(float(golden[0]["psnr_mean_over_8"]), abs=0.005)
    else:
        widths = {float(row["blur_sigma"]): float(row["psnr_y"]) for row in golden}
        assert {float(row["blur_sigma"]): float(row["psnr_y"]) for row in found} == pytest.approx(widths, abs=0.005)
        lines = capsys.readouterr().out.splitlines()
        measured = next(i for i, line in enumerate(lines) if line.startswith("bicubic"))
        assert lines[measured + 1].startswith("DASR (published)")
        assert "31.99" in lines[measured + 1]
        assert "DASR" not in (tmp_path / "sr-eval" / "golden" / "table.csv").read_text()


def test_one_model_writes_its_tables(root, capsys):
    folder = evaluate(root, "bicubic", "scale=2", "protocol=dasr_iso", "datasets=[Four,Single]", "name=one")
    assert (folder / "table.csv").read_text().splitlines()[0] == COLUMNS
    table = rows_of(folder / "table.csv")
    assert [(row["dataset"], row["kernel"], row["images"]) for row in table] == [
        (dataset, f"iso {width}", images)
        for dataset, images in (("Four", "4"), ("Single", "1"))
        for width in ("0", "0.6", "1.2", "1.8")
    ]
    per_image = rows_of(folder / "per_image.csv")
    assert len(per_image) == 4 * 5
    of_first = [float(row["psnr_y"]) for row in per_image if (row["dataset"], row["kernel"]) == ("Four", "iso 0")]
    assert float(table[0]["psnr_y"]) == pytest.approx(np.mean(of_first), abs=2e-4)
    hr_image = torch.from_numpy(read_image(root / "data/Four/2.png")).permute(2, 0, 1)[None, :, :74, :70] / 255
    lr_image = degrade(hr_image[None], load_protocol("dasr_iso", 2).degradation[[2]])[0]
    expected = psnr_y(upsample_bicubic(lr_image, 2), hr_image, 2)
    (found,) = [
        row for row in per_image if (row["dataset"], row["kernel"], row["image"]) == ("Four", "iso 1.2", "2.png")
    ]
    assert float(found["psnr_y"]) == pytest.approx(float(expected), abs=1e-3)
    printed = capsys.readouterr().out
    assert "Four x2, dasr_iso, 4 images" in printed
    assert "published" not in printed.lower()
    assert (folder.parent / "latest").read_text().strip() == folder.name


def test_a_finished_evaluation_is_printed_again_and_never_another(root, capsys, monkeypatch):
    arguments = ("bicubic", "scale=2", "protocol=bicubic", "datasets=[Four]", "name=again")
    evaluate(root, *arguments)
    first = capsys.readouterr().out
    monkeypatch.setattr(sr.evaluation.run, "score_benchmark", lambda *_, **__: pytest.fail("computed again"))
    evaluate(root, *arguments)
    assert capsys.readouterr().out.splitlines()[:-1] == first.splitlines()[:-1]
    with pytest.raises(SystemExit):
        evaluate(root, "bicubic", "scale=3", *arguments[2:])
    error = capsys.readouterr().err
    assert "holds a run with another configuration" in error
    assert "scale: 2 -> 3" in error


def test_several_models_are_compared_with_the_first(root, capsys):
    folder = evaluate(
        root,
        model(root, "frozen"),
        "bicubic",
        model(root, "none") + "/model",
        "datasets=[Four]",
        "name=several",
    )
    assert not (folder / "table.csv").exists()
    means = {}
    for name in ("frozen", "bicubic", "none"):
        assert (folder / name / "per_image.csv").is_file()
        means[name] = np.mean([float(row["psnr_y"]) for row in rows_of(folder / name / "table.csv")])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(metrics["differences"]) == ["bicubic", "none"]
    ahead = metrics["differences"]["bicubic"]["Four"]["psnr_y"]
    assert ahead["mean"] == pytest.approx(means["frozen"] - means["bicubic"], abs=1e-3)
    low, high = ahead["interval"]
    assert low <= ahead["mean"] <= high
    wide = metrics["models"]["frozen"]["datasets"]["Four"]["psnr_y"]["interval"]
    assert high - low < wide[1] - wide[0]  # paired
    printed = capsys.readouterr().out
    assert "frozen ahead of bicubic" in printed
    assert "frozen ahead of none" in printed


def test_evaluations_without_a_name_have_folders_of_their_own(root):
    options = [f"data.root={root / 'data'}", f"runs_dir={root / 'runs'}", "accelerator=cpu", "repeats=20", "scale=3"]
    for datasets in ("[Four]", "[Single]"):
        assert main([*options, "bicubic", "protocol=bicubic", f"datasets={datasets}"]) == 0
    made = [path.name for path in (root / "runs" / "sr-eval").iterdir() if path.name.startswith("bicubic-bicubic-x3")]
    assert len(made) == 2


def test_images_that_a_model_was_trained_on_are_named(root, capsys):
    benchmark, *_ = open_benchmarks(str(root / "data"), ["Four"], 16)
    known = {"training_image_hashes": " ".join(benchmark.fingerprints[1:3])}
    save_model(root / "runs" / "sr" / "seen" / "model", small_model("none"), card="# card", metadata=known)
    folder = evaluate(root, model(root, "seen"), "protocol=bicubic", "name=seen")
    note = (
        "seen was trained on 2 of the 4 images of Four, so its scores there do not hold for new images: 1.png, 2.png."
    )
    assert note in capsys.readouterr().out
    assert json.loads((folder / "metrics.json").read_text())["notes"] == [note]
    capsys.readouterr()
    evaluate(root, model(root, "none"), "protocol=bicubic", "name=seen-none")
    assert "was trained on" not in capsys.readouterr().out


def test_an_image_of_one_colour_is_named(tmp_path, capsys):
    write_data_sets(tmp_path)
    write_image(tmp_path / "Four" / "flat.png", np.full((48, 48, 3), 128, np.uint8))
    options = [f"data.root={tmp_path}", f"runs_dir={tmp_path / 'runs'}", "accelerator=cpu", "repeats=20", "scale=2"]
    assert main(["bicubic", *options, "protocol=bicubic", "datasets=[Four,Single]"]) == 0
    printed = capsys.readouterr().out
    assert "bicubic restored flat.png of Four without error" in printed
    assert "of Single without error" not in printed


def test_a_control_is_named(root, capsys):
    folder = evaluate(root, model(root, "frozen"), "datasets=[Four]", "representation=other_image", "name=control")
    assert "Four x2, dasr_iso, 4 images, representation=other_image" in capsys.readouterr().out
    assert json.loads((folder / "metrics.json").read_text())["representation"] == "other_image"


def test_the_newest_model_and_its_scale_are_the_default_in_either_precision(root):
    means = []
    for precision in ("fp32", "bf16"):
        folder = evaluate(root, "datasets=Single", f"precision={precision}", f"name=newest-{precision}")
        metrics = json.loads((folder / "metrics.json").read_text())
        assert list(metrics["models"]) == ["frozen"]
        assert metrics["scale"] == 2
        means.append(metrics["models"]["frozen"]["datasets"]["Single"]["psnr_y"]["mean"])
    assert means[0] == pytest.approx(means[1], abs=0.2)
    assert means[0] != means[1]


def test_real_images_are_written_and_not_scored(root):
    folder = evaluate(root, model(root, "frozen"), "protocol=real", "datasets=[Four]", "name=real")
    assert not (folder / "table.csv").exists()
    lr_image = read_image(root / "data" / "Four" / "1.png")
    sr_image = read_image(folder / "sr" / "Four" / "1.png")
    assert sr_image.shape == (2 * lr_image.shape[0], 2 * lr_image.shape[1], 3)
    with torch.no_grad():
        expected = load_model(model(root, "frozen"))(torch.from_numpy(lr_image).permute(2, 0, 1)[None] / 255)
    difference = expected[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255 - sr_image
    assert np.abs(difference).max() < 0.51


def test_real_images_whose_names_differ_in_the_suffix_alone_are_all_kept(tmp_path, root):
    folder = tmp_path / "data" / "Same"
    folder.mkdir(parents=True)
    for name, gray in (("a.jpg", 50), ("a.png", 100), ("a.jpg.png", 200), ("b.png", 150)):
        Image.new("RGB", (20, 20), (gray,) * 3).save(folder / name)
    options = [f"data.root={tmp_path / 'data'}", f"runs_dir={tmp_path / 'runs'}", "accelerator=cpu", "name=same"]
    assert main([model(root, "frozen"), *options, "protocol=real"]) == 0
    results = tmp_path / "runs" / "sr-eval" / "same" / "sr" / "Same"
    levels = {path.name: read_image(path).mean() for path in results.iterdir()}
    assert set(levels) == {"a.jpg.png", "a.png.png", "a.jpg.png.png", "b.png"}
    assert levels["a.jpg.png"] < levels["a.png.png"] < levels["b.png"] < levels["a.jpg.png.png"]


def test_real_images_that_cannot_be_read_are_listed_and_the_others_done(tmp_path, root, capsys):
    write_data_sets(tmp_path)
    (tmp_path / "Four" / "broken.png").write_bytes(b"nothing")
    options = [f"data.root={tmp_path}", f"runs_dir={tmp_path / 'runs'}", "accelerator=cpu", "datasets=[Four]"]
    for _ in range(2):  # the second time it is printed again
        assert main([model(root, "frozen"), *options, "protocol=real", "name=bad"]) == 1
        (printed,) = capsys.readouterr().err.splitlines()
        assert printed.startswith("failed: ")
        assert "broken.png" in printed
    folder = tmp_path / "runs" / "sr-eval" / "bad"
    assert len(list((folder / "sr" / "Four").iterdir())) == 4
    assert "broken.png" in json.loads((folder / "metrics.json").read_text())["left_out"][0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bicubic"], "scale is not set"),
        (["bicubic", "scale=5"], "scale=5 must be 2, 3 or 4"),
        (["frozen", "scale=4"], "scale=4, but the model frozen has scale 2: remove scale, or give scale=2"),
        (["bicubic", "scale=2", "protocol=dasr_aniso"], "protocol=dasr_aniso is published for scale 4"),
        (["bicubic", "scale=2", "protocol=dasr_isso"], "is unknown; did you mean dasr_iso?"),
        (["bicubic", "scale=2", "datasets=[Fore]"], "no data set 'Fore'; did you mean Four? (there are Four, Single)"),
        (["bicubic", "scale=2", "data.root="], "data.root is not set"),
        (["bicubic", "scale=2", "representation=other_image"], "none of the models reads a representation"),
        (["frozen", "representation=other_image"], "needs two images, but the data set Single has only one"),
        (["frozen", "datasets=Four", "protocol=bicubic", "representation=shuffled"], "needs two degradations"),
        (["frozen", "protocol=real", "representation=other_image"], "is a control for scores"),
        (["oracle", "protocol=real"], "the model oracle is an oracle"),
        (["nothing"], "does not exist"),
        (["bicubic", "scale=2", "repets=3"], "unknown option 'repets'; did you mean repeats?"),
        (["bicubic", "scale=2", "accelerator=gpu"], "this machine has no CUDA device"),
    ],
)
def test_refusals_are_one_sentence(root, capsys, arguments, words):
    if "accelerator=gpu" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    first, *options = arguments
    path = first if first == "bicubic" else model(root, first)
    with pytest.raises(SystemExit) as stopped:
        main([path, f"data.root={root / 'data'}", f"runs_dir={root / 'runs'}", "name=refused", *options])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("sr-eval: ")
    assert error.count("\n") == 1
    assert not (root / "runs" / "sr-eval" / "refused").exists()


def test_help_lists_the_protocols(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "gaussian8_x2_0.9" in printed
    assert "shuffled" in printed
