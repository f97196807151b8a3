"""Which images of a data set are the HR images, in the layouts in which data sets are published."""

import os
from pathlib import Path

import numpy as np
import pytest

from shared.images import write_image
from sr.evaluation.benchmarks import open_benchmarks


def save(root: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(root / name, np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8))


def found(root: Path, *sets: str, **options: bool) -> dict[str, list[str]]:
    benchmarks = open_benchmarks(str(root), list(sets), 16, **options)
    return {each.name: [path.relative_to(root).as_posix() for path in each.paths] for each in benchmarks}


LAYOUTS = {
    "plain": (["Set5/baby.png", "Set5/bird.png"], ["Set5/baby.png", "Set5/bird.png"]),
    "EDSR": (["Set5/HR/baby.png", "Set5/LR_bicubic/X2/babyx2.png"], ["Set5/HR/baby.png"]),
    "BasicSR": (
        ["Set5/GTmod12/baby.png", "Set5/LRbicx4/baby.png", "Set5/original/baby.png"],
        ["Set5/original/baby.png"],
    ),
    "BasicSR cropped": (["Set5/GTmod12/baby.png", "Set5/LRbicx4/baby.png"], ["Set5/GTmod12/baby.png"]),
    "twice": (["Set5/Set5/baby.png", "Set5/other/x.png"], ["Set5/Set5/baby.png"]),
    "named HR": (["Set5/Set5_HR/baby.png", "Set5/Set5_LR/baby.png"], ["Set5/Set5_HR/baby.png"]),
    "one subfolder": (["Set5/images/baby.png"], ["Set5/images/baby.png"]),
    "side by side": (
        [f"Set5/img_001_SRF_2_{kind}.png" for kind in ("HR", "LR", "bicubic", "A+")],
        ["Set5/img_001_SRF_2_HR.png"],
    ),
    "LR beside": (["Set5/baby.png", "Set5/babyx2.png", "Set5/baby_LR.png"], ["Set5/baby.png"]),
    "tiles": (["Set5/0001_s001.png", "Set5/0001_s002.png"], ["Set5/0001_s001.png", "Set5/0001_s002.png"]),
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_the_hr_images_of_a_layout(tmp_path, layout):
    files, expected = LAYOUTS[layout]
    save(tmp_path, *files)
    assert found(tmp_path) == {"Set5": expected}


def test_lr_folders_beside_the_hr_folder_are_no_data_sets_unless_asked_for(tmp_path):
    save(tmp_path, "DIV2K_valid_HR/0801.png", "DIV2K_valid_LR_bicubic/X2/0801x2.png", "Set5_LR/baby.png")
    assert found(tmp_path) == {"DIV2K_valid_HR": ["DIV2K_valid_HR/0801.png"]}
    assert found(tmp_path, "Set5_LR") == {"Set5_LR": ["Set5_LR/baby.png"]}


def test_left_out_lr_folders_are_named_and_used_where_there_is_no_reference(tmp_path, caplog):
    save(tmp_path, "photos/a.png", "DPED_LR/b.png")
    assert list(found(tmp_path)) == ["photos"]
    assert "left out DPED_LR, which seem to hold LR images" in caplog.text
    assert list(found(tmp_path, leave_out=True)) == ["DPED_LR", "photos"]


def test_names_that_are_not_utf_8_are_read(tmp_path):
    save(tmp_path, "Set5/a.png")
    os.rename(tmp_path / "Set5" / "a.png", os.fsencode(tmp_path) + b"/Set5/not_utf8_\xe9.png")
    assert found(tmp_path) == {"Set5": ["Set5/not_utf8_\udce9.png"]}


def test_lr_folders_alone_are_used(tmp_path):
    save(tmp_path, "RealSR_LR/a.png")
    assert found(tmp_path) == {"RealSR_LR": ["RealSR_LR/a.png"]}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["Set5/image_SRF_2/a.png", "Set5/image_SRF_4/a.png"], "Set5 holds images in image_SRF_2, image_SRF_4: move"),
        (["Set5/a.png", "Set5/a_HR.png"], "holds a.png and a_HR.png, which seem to be versions of one image"),
        (["Set5/a.png", "Set5/a.bmp"], "holds a.bmp and a.png, which seem to be versions of one image"),
    ],
)
def test_an_ambiguous_data_set_is_refused_with_what_was_seen(tmp_path, files, message):
    save(tmp_path, *files)
    with pytest.raises(ValueError, match=message):
        found(tmp_path)


def test_images_without_a_reference_are_all_used(tmp_path):
    save(tmp_path, "Mine/a.png", "Mine/a_LR.png", "Mine/a.bmp")
    assert found(tmp_path, leave_out=True) == {"Mine": ["Mine/a.bmp", "Mine/a.png", "Mine/a_LR.png"]}


def test_other_files_are_counted(tmp_path, caplog):
    save(tmp_path, "Set5/a.png")
    (tmp_path / "Set5" / "b.heic").touch()
    assert found(tmp_path) == {"Set5": ["Set5/a.png"]}
    assert "left out 1 .heic (read are png, jpg" in caplog.text
