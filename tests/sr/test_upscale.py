"""The command on image files: formats, folders, options, and what it keeps."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from shared.images import open_image_writer, read_deep_image, read_image
from sr.model_artefact import load_model, save_model
from sr.upscale import main, read_arguments
from sr.upscaling.config import UpscaleConfig
from sr.upscaling.paths import plan_jobs
from sr.upscaling.run import Worker
from sr.upscaling.tiled import upscale
from tests.sr.upscaling.upscale_files import (
    PHOTOGRAPH,
    assert_near,
    run_command,
    save_image,
    save_models,
    upscale_bicubic,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


def test_an_image_of_several_tiles(tmp_path, models, capsys):
    source = save_image(tmp_path / "a.png", 100, 150)
    assert run_command(source, tmp_path / "new" / "b.png", models / "none", "tile=64", "overlap=16") == 0
    assert_near(read_deep_image(tmp_path / "new" / "b.png", 10**6), upscale_bicubic(PHOTOGRAPH[:100, :150]))
    printed = capsys.readouterr().out
    assert printed == f"{source} -> {tmp_path / 'new' / 'b.png'}, 150x100 -> 300x200\n"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp"])
def test_the_suffix_chooses_the_format(tmp_path, models, suffix):
    source = save_image(tmp_path / "a.png")
    assert run_command(source, tmp_path / f"b{suffix}", models / "none") == 0
    assert_near(read_deep_image(tmp_path / f"b{suffix}", 10**6), upscale_bicubic(PHOTOGRAPH[:40, :60]))
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.format == {".tif": "TIFF"}.get(suffix, suffix[1:].upper())


def test_jpeg_and_its_orientation(tmp_path, models):
    exif = Image.Exif()
    exif[0x0112] = 6
    source = save_image(tmp_path / "a.jpg", exif=exif, quality=95)
    assert run_command(source, tmp_path / "b.jpeg", models / "none") == 0
    result = read_deep_image(tmp_path / "b.jpeg", 10**6)
    assert result.shape == (120, 80, 3)
    assert np.abs(result.astype(int) - upscale_bicubic(np.rot90(PHOTOGRAPH[:40, :60], -1))).mean() < 6


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGBA", 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_alpha_and_sixteen_bits_are_kept(tmp_path, models, mode, channels, dtype):
    image = np.asarray(Image.fromarray(np.dstack([PHOTOGRAPH, PHOTOGRAPH[::-1, :, 0]])).convert(mode))[:40, :60]
    image = image.reshape(40, 60, channels).astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    size = {"height": 40, "width": 60, "channels": channels, "dtype": image.dtype}
    with open_image_writer(tmp_path / "a.png", **size) as write:
        write(image)
    assert run_command(tmp_path / "a.png", tmp_path / "b.png", models / "none") == 0
    assert_near(read_deep_image(tmp_path / "b.png", 10**6), upscale_bicubic(image))


def test_what_a_format_does_not_support_is_reported(tmp_path, models, caplog):
    cv2.imwrite(str(tmp_path / "deep.png"), PHOTOGRAPH[:40, :60].astype(np.uint16) * 257)
    assert run_command(tmp_path / "deep.png", tmp_path / "b.bmp", models / "none") == 0
    assert f"{tmp_path / 'deep.png'} has 16 bits per channel, but .bmp supports only 8; use .png or .tif" in caplog.text
    assert_near(read_deep_image(tmp_path / "b.bmp", 10**6), upscale_bicubic(PHOTOGRAPH[:40, :60, ::-1]))
    clear = np.dstack([PHOTOGRAPH[:40, :60], np.zeros((40, 60), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert run_command(tmp_path / "clear.png", tmp_path / "c.bmp", models / "none") == 0
    assert "clear.png: .bmp does not support transparency" in caplog.text
    assert np.all(read_deep_image(tmp_path / "c.bmp", 10**6) == 128)


def test_a_folder_with_bad_files(tmp_path, models, capsys):
    """The good ones are done, the bad ones listed; other files are ignored."""
    save_image(tmp_path / "in" / "a.jpg")
    save_image(tmp_path / "in" / "sub" / "b.tif", 20, 30)
    save_image(tmp_path / "in" / "sub" / "tiny.png", 15, 30)
    save_image(tmp_path / "in" / "x.png", 30, 30)
    save_image(tmp_path / "in" / "x.webp", 30, 40)
    (tmp_path / "in" / "broken.png").write_text("no image")
    (tmp_path / "in" / "cut.jpg").write_bytes((tmp_path / "in" / "a.jpg").read_bytes()[:300])
    (tmp_path / "in" / "notes.txt").write_text("notes")
    save_image(tmp_path / "in" / ".hidden" / "a.png")
    assert run_command(tmp_path / "in", tmp_path / "out", models / "none") == 1
    printed = capsys.readouterr()
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert found == {"a.png", "sub/b.tif", "x.png", "x.webp.png"}
    assert printed.out.splitlines()[-1] == f"4 done: {tmp_path / 'out'}"
    failed = [line for line in printed.err.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 3
    assert "broken.png' is not an image" in failed[0]
    assert "cut.jpg' is not an image or is damaged" in failed[1]
    assert failed[2].endswith("tiny.png: the image has 30x15 pixels, but each side needs at least 16")


def test_existing_results_are_kept_unless_overwrite_is_set(tmp_path, models, capsys):
    source = save_image(tmp_path / "in" / "a.png").parent
    save_image(tmp_path / "in" / "b.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("the old one")
    assert run_command(source, tmp_path / "out", models / "none") == 3
    assert "1 done, 1 existed already and were kept (overwrite=true replaces them)" in capsys.readouterr().out
    assert (tmp_path / "out" / "a.png").read_text() == "the old one"
    assert run_command(source / "a.png", tmp_path / "out" / "a.png", models / "none") == 3
    assert run_command(source, tmp_path / "out", models / "none", "overwrite=true") == 0
    assert_near(read_deep_image(tmp_path / "out" / "a.png", 10**6), upscale_bicubic(PHOTOGRAPH[:40, :60]))


def test_ensemble_and_reference(tmp_path, models):
    source, other = save_image(tmp_path / "a.png"), save_image(tmp_path / "r.png", 30, 30, "L")
    torch.manual_seed(0)
    model = load_model(models / "joint")
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.15)
    save_model(tmp_path / "trained" / "model", model, card="# card", metadata={"degradation": "dasr_iso_x2"})
    image, reference = (torch.from_numpy(read_image(path)).permute(2, 0, 1) / 255 for path in (source, other))
    arguments = {
        (): {},
        ("ensemble=true",): {"ensemble": True},
        (f"reference={other}",): {"reference": reference},
        ("ensemble=true", f"reference={other}"): {"ensemble": True, "reference": reference},
    }
    results = []
    for i, (extra, options) in enumerate(arguments.items()):
        assert run_command(source, tmp_path / f"b{i}.png", tmp_path / "trained", *extra) == 0
        results.append(read_deep_image(tmp_path / f"b{i}.png", 10**6))
        expected = upscale(model, image, **options).clamp(0, 1).mul(255).round().to(torch.uint8)
        assert_near(results[-1], expected.permute(1, 2, 0).numpy())
    assert all(np.abs(one.astype(int) - other).max() > 1 for one, other in combinations(results, 2))


def test_images_of_the_same_stem_have_different_results(tmp_path):
    for name in ("a.jpg", "a.png", "a.bmp", "b.JPG", "c/a.TIF"):
        save_image(tmp_path / "in" / name)
    found = {
        job.source.name: job.target.relative_to(tmp_path / "out").as_posix()
        for job in plan_jobs(tmp_path / "in", tmp_path / "out")
    }
    assert found == {"a.png": "a.png", "a.bmp": "a.bmp.png", "a.jpg": "a.jpg.png", "b.JPG": "b.png", "a.TIF": "c/a.TIF"}
    (tmp_path / "in" / "a.jpg.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.jpg\.png would have the same result"):
        plan_jobs(tmp_path / "in", tmp_path / "out")


def test_a_file_into_a_folder(tmp_path):
    source = save_image(tmp_path / "a.jpg")
    assert plan_jobs(source, tmp_path / "new")[0].target == tmp_path / "new" / "a.png"
    assert plan_jobs(save_image(tmp_path / "b.tiff"), tmp_path / "new")[0].target == tmp_path / "new" / "b.tiff"
    assert plan_jobs(source, tmp_path / "b.WEBP")[0].target == tmp_path / "b.WEBP"


def test_flags_of_earlier_versions_print_the_new_spelling(tmp_path, capsys):
    for name in ("a.png", "r 1.png", "m"):
        (tmp_path / name).write_text("")
    paths = [tmp_path / name for name in ("a.png", "o.png", "m")]
    reference = str(tmp_path / "r 1.png")
    expected = UpscaleConfig(reference=reference, overwrite=True, tile=64)
    for flags in (["--reference", reference], [f"--reference={reference}"], [f"reference={reference}"]):
        assert read_arguments([*flags, *map(str, paths), "--overwrite", "tile=64"]) == (expected, *paths)
        lines = capsys.readouterr().err.splitlines()
        options = f"reference={reference} overwrite=true" if flags[0].startswith("--") else "overwrite=true"
        assert lines == [f"upscale: the next version will no longer accept flags; write {options}"]
    config, *_ = read_arguments([*map(str, paths), "--ensemble"])
    assert config == UpscaleConfig(ensemble=True)
    assert capsys.readouterr().err.endswith("write ensemble=true\n")
    read_arguments([*map(str, paths), "ensemble=true", f"reference={reference}"])
    assert capsys.readouterr().err == ""


def test_the_reference_may_be_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a.png", "r.png", "m"):
        (tmp_path / name).write_text("")
    config, *paths = read_arguments(["~/a.png", "~/o.png", "~/m", "reference=~/r.png"])
    assert (config.reference, *paths) == (str(tmp_path / "r.png"), *(tmp_path / one for one in ("a.png", "o.png", "m")))


def test_help_names_the_options(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for word in ("overwrite:", "ensemble:", "reference:", "max_megapixels:", "overlap:", "Exit status"):
        assert word in printed


def test_the_colour_of_transparent_pixels_does_not_bleed(tmp_path, models):
    drawing = np.zeros((48, 48, 4), np.uint8)  # white on transparent black
    cv2.circle(drawing, (24, 24), 15, (255, 255, 255, 255), 3)
    Image.fromarray(drawing).save(tmp_path / "a.png")
    assert run_command(tmp_path / "a.png", tmp_path / "b.png", models / "none") == 0
    result = read_deep_image(tmp_path / "b.png", 10**6)
    assert result[..., 3].min() == 0
    assert result[..., :3].min() >= 254


def test_a_result_that_another_process_writes_meanwhile_is_kept(tmp_path, models, capsys, monkeypatch):
    source, target = save_image(tmp_path / "a.png"), tmp_path / "b.png"
    describe = Worker._describe

    def describe_late(worker: Worker, *arguments: object) -> str:
        target.write_text("made by the other")
        return describe(worker, *arguments)

    monkeypatch.setattr(Worker, "_describe", describe_late)
    assert run_command(source, target, models / "none") == 3
    assert "0 done, 1 existed already and were kept" in capsys.readouterr().out
    assert target.read_text() == "made by the other"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


ODD_NAMES = [
    b"not_utf8_\xe9",
    b"=1+2",
    b"new\nline",
    b"`touch executed`",
    b'quo"te',
    b"dollar$HOME",
    b"esc\x1b[2J",
    b"-x",
]


def test_names_of_any_bytes_are_kept_and_printed_safely(tmp_path, models):
    source = os.fsencode(tmp_path / "in")
    os.mkdir(source)
    for name in ODD_NAMES:
        Image.fromarray(PHOTOGRAPH[:20, :20]).save(tmp_path / "a.png")
        os.rename(tmp_path / "a.png", os.path.join(source, name + b".png"))
    os.mkfifo(tmp_path / "in" / "pipe.png")
    (tmp_path / "in" / "loop.png").symlink_to("loop.png")
    (tmp_path / "in" / "endless.png").symlink_to("/dev/zero")
    finished = subprocess.run(
        [sys.executable, "-m", "sr.upscale", tmp_path / "in", tmp_path / "out", models / "none", "estimate=false"],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "latin-1:strict"},
        capture_output=True,
        timeout=120,
    )
    assert finished.returncode == 1, finished.stderr
    assert sorted(os.listdir(os.fsencode(tmp_path / "out"))) == sorted(name + b".png" for name in ODD_NAMES)
    assert b"Traceback" not in finished.stderr
    assert finished.stderr.count(b"failed: ") == 3
    assert b"is a named pipe, not a file" in finished.stderr
    assert b"\x1b" not in finished.stdout
    assert len(finished.stdout.strip().splitlines()) == len(ODD_NAMES) + 1


@pytest.mark.parametrize("name", ["`touch executed`.png", "dollar$HOME.png", 'quo"te.png', "sub $(touch executed).png"])
def test_make_hands_a_name_to_the_command_as_it_is(tmp_path, name):
    (tmp_path / ".installed").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    finished = subprocess.run(
        ["make", f"VENV={tmp_path}", "upscale", f"IN={name}", "OUT=b c.png", "MODEL=m"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"-m|sr.upscale|{name}|b c.png|m|" in finished.stdout
    assert not (ROOT / "executed").exists()


def test_metadata_are_kept_or_named(tmp_path, models, caplog):
    source = save_image(tmp_path / "a.jpg", dpi=(300, 300))
    assert run_command(source, tmp_path / "b.png", models / "none") == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert run_command(source, tmp_path / "c.tif", models / "none") == 0
    assert "a.jpg: an RGB image as .tif drops resolution" in caplog.text
