"""The command when an argument is wrong or memory or disk space short: one sentence, and no partial image."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from shared.images import read_deep_image
from sr.model import build_model
from sr.model_artefact import save_model
from sr.networks.base import SRNetwork
from sr.upscale import main
from sr.upscaling.tiled import Upscaling
from tests.sr.small_models import small_config
from tests.sr.upscaling.upscale_files import (
    PHOTOGRAPH,
    assert_near,
    run_command,
    save_image,
    save_models,
    upscale_bicubic,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize(
    (("arguments", "message")),
    [
        ("", "expected three paths, IN, OUT and MODEL, got 0 (none)"),
        ("a.png o.png", "expected three paths, IN, OUT and MODEL, got 2 (a.png o.png)"),
        ("b.png o.png none", "IN=b.png: no such file or folder"),
        ("a.png o.png none2", "MODEL=none2: no such file or folder"),
        ("a.png o.png folder", "folder holds no model, model.safetensors is missing"),
        ("a.png o.png none --ensembel", "'--ensembel' is not of the form key=value"),
        ("a.png o.png none tiel=64", "unknown option 'tiel'; did you mean tile?"),
        ("a.png o.png none tile=many", "tile: Value 'many'"),
        ("a.png o.png none tile=100", "tile=100 must be a multiple of 32"),
        ("a.png o.png none overlap=96", "overlap=96 must be a multiple of 16, at most 64"),
        ("a.png o.png none precision=fp8", "precision='fp8' must be one of fp32, bf16"),
        ("a.png o.png none max_megapixels=0", "max_megapixels=0.0 must be positive and below 1000000"),
        ("a.png o.png none --reference --overwrite", "--reference needs an image"),
        ("a.png o.png none reference=a.png", "MODEL=none does not estimate a degradation; remove reference"),
        ("a.png o.png none reference=r.png", "reference=r.png: no such file"),
        ("a.png o.png joint reference=text.png", "'text.png' is not an image"),
        ("a.png o.png joint reference=tiny.png", "reference=tiny.png has 9x9 pixels, but each side needs at least 16"),
        ("a.png o.png oracle", "MODEL=oracle: an oracle does not read the degradation from the image: give blur=WIDTH"),
        ("a.png o.png oracle noise=3", "an oracle does not read the degradation from the image: give blur=WIDTH"),
        ("a.png o.png oracle blur=1 reference=a.png", "an oracle does not read the degradation from an image"),
        ("a.png o.png oracle blur=1 blur_ratio=2", "blur_ratio=2: an oracle needs blur_angle=DEGREES with it"),
        ("a.png o.png oracle blur=1 blur_angle=30", "blur_angle=30: an oracle needs blur_ratio=RATIO with it"),
        ("a.png o.png oracle blur=-1", "blur=-1 must be at least 0"),
        ("a.png o.png oracle blur=inf", "blur=inf must be a finite number"),
        ("a.png o.png oracle blur=1 jpeg_quality=0", "jpeg_quality=0 must be within 1..100"),
        ("a.png o.png oracle blur=1 strength=2", "strength=2 must be within 0..1"),
        ("a.png o.png oracle blur=1 blur_ratio=1 blur_angle=30", "a blur with blur_ratio=1 is round"),
        ("a.png o.png oracle blur=0.4 blur_ratio=4 blur_angle=30", "the shorter width would be 0.20 px, below"),
        ("a.png o.png joint blur=1 strength=0.5", "MODEL=joint: blur=1 strength=0.5: a model with conditioning=joint"),
        ("a.png o.png none noise=1", "takes no parameters of the degradation, only one with conditioning=distilled or"),
        ("a.png o.gif none", "OUT=o.gif: the suffix must be one of .png"),
        ("a.png a.png none overwrite=true", "IN and OUT are both a.png"),
        ("a.png . none overwrite=true", "the result of a.png would replace the image a.png"),
        ("folder folder none", "IN and OUT are both folder"),
        ("folder folder/out none", "OUT=folder/out is inside IN=folder"),
        ("folder a.png none", "IN=folder is a folder, but OUT=a.png is a file"),
        ("folder out none", "no images in IN=folder or its subfolders"),
        ("text.png o.png none", "'text.png' is not an image or is damaged"),
        ("a.png o.png none max_megapixels=0.002", "'a.png' is an image of 60x40 pixels, more than 0.002 megapixels"),
        ("a.png text.png/sub/o.png none", "cannot write text.png/sub/o.png: Not a directory"),
        ("wide.png o.webp none", "cannot write 17000x32 pixels as 'o.webp': .webp holds at most 16383 pixels per side"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path, models, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    save_image(Path("a.png"))
    save_image(Path("tiny.png"), 9, 9)
    Image.new("L", (8500, 16)).save("wide.png")
    Path("text.png").write_text("text")
    Path("folder").mkdir()
    for name in ("none", "joint", "oracle"):
        Path(name).symlink_to(models / name)
    before = sorted(os.listdir())
    try:
        status = main([*arguments.split(), "accelerator=cpu", "estimate=false"])
    except SystemExit as stopped:
        status = stopped.code
    assert status in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert sorted(os.listdir()) == before


def test_a_full_disk_ends_the_run(tmp_path, models, monkeypatch, capsys):
    for name in "abc":
        save_image(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "aa.png").write_bytes(b"nothing")
    calls = []

    def fsync(_: int) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(SystemExit):
        run_command(tmp_path / "in", tmp_path / "out", models / "none")
    *_, failed, printed = capsys.readouterr().err.splitlines()
    assert failed.startswith("failed: ")
    assert "aa.png" in failed
    reason = "No space left on device; 1 of 4 images are done"
    assert printed == f"upscale: cannot write {tmp_path / 'out' / 'b.png'}: {reason}"
    assert os.listdir(tmp_path / "out") == ["a.png"]


def test_names_with_an_equals_sign_and_the_home_folder(tmp_path, models, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    save_image(tmp_path / "home" / "a.png")
    save_image(tmp_path / "photo=1.png")
    assert run_command("photo=1.png", "~/b.png", models / "none") == 0
    assert run_command("~/a.png", "out", models / "none") == 0
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"a.png", "b.png"}
    assert (tmp_path / "out" / "a.png").is_file()
    assert not (tmp_path / "~").exists()


def test_ctrl_c_leaves_no_partial_image(tmp_path, models, monkeypatch, capsys):
    for name in "ab":
        save_image(tmp_path / "in" / f"{name}.png")
    rectangles = Upscaling.rectangles
    images = []

    def interrupted(job):
        images.append(job)
        if len(images) == 2:
            raise KeyboardInterrupt
        return rectangles(job)

    monkeypatch.setattr(Upscaling, "rectangles", interrupted)
    assert run_command(tmp_path / "in", tmp_path / "out", models / "none") == 130
    assert "the same command does the others" in capsys.readouterr().err
    assert os.listdir(tmp_path / "out") == ["a.png"]


def test_less_memory_than_a_tile_needs(tmp_path, models, monkeypatch, caplog, capsys):
    forward = SRNetwork.forward

    def limited(self, lr_image, *rest, **options):
        if max(lr_image.shape[-2:]) > 130:
            raise torch.OutOfMemoryError
        return forward(self, lr_image, *rest, **options)

    monkeypatch.setattr(SRNetwork, "forward", limited)
    for name in "ab":
        save_image(tmp_path / "in" / f"{name}.png", 200, 150)
    assert run_command(tmp_path / "in", tmp_path / "out", models / "joint") == 0
    printed = [record.message for record in caplog.records]
    assert printed == ["out of memory with tiles of 256 px; continuing with 128 px"]  # once, for both images
    assert_near(read_deep_image(tmp_path / "out" / "b.png", 10**6), upscale_bicubic(PHOTOGRAPH[:200, :150]))
    monkeypatch.setattr(SRNetwork, "forward", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    assert run_command(tmp_path / "in" / "a.png", tmp_path / "c.png", models / "joint") == 1
    assert "a.png: the device has too little memory even for tiles of 64 px" in capsys.readouterr().err
    assert not (tmp_path / "c.png").exists()


def test_the_arguments_are_checked_before_anything_heavy_is_loaded():
    heavy = {"torch", "pytorch_lightning", "lightly", "timm", "faiss", "umap", "sklearn", "cv2", "skimage"}
    code = (
        "import sys, sr.upscale\n"
        f"try: sr.upscale.main(['a', 'b', 'c'])\nfinally: print(*({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.split() == []
    assert done.stderr == "upscale: IN=a: no such file or folder\n"


def peak_memory(source: Path, target: Path, model: Path) -> float:
    """Measures the peak memory of the command in a process of its own, in MB."""
    code = (
        "import sys\nfrom sr.upscale import main\nassert main(sys.argv[1:]) == 0\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    arguments = [str(source), str(target), str(model), "accelerator=cpu", "estimate=false", "tile=128", "overlap=16"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-2]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc of Linux")
def test_memory_hardly_grows_with_the_image(tmp_path):
    """4 megapixels against 0.25; the result alone has 48 MB, the LR image 12."""
    config = small_config(conditioning="none", fusion="da_conv", bicubic_skip=True)
    config.network_options.blocks, config.network_options.features = 1, 4
    save_model(tmp_path / "model", build_model(config), card="# card", metadata={})
    for side in (500, 2000):
        Image.fromarray(PHOTOGRAPH).resize((side, side)).save(tmp_path / f"{side}.png")
    small, large = (peak_memory(tmp_path / f"{side}.png", tmp_path / f"o{side}.png", tmp_path) for side in (500, 2000))
    assert large - small < 45, f"{small:.0f} MB for 0.25 megapixels, {large:.0f} MB for 4"
