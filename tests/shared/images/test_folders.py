"""Which files of a folder are images, and which are smaller copies of others, in the layouts that people have."""

import pytest

from shared.images import find_copies, find_images, group_by_photograph


def test_images_are_found_by_suffix_and_others_counted(tmp_path):
    for name in ("a.PNG", "b.jfif", "c.jp2", "d.heic", "e.txt", "f.txt", "noext", ".hidden.png", "._a.png"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "g.jpe").touch()
    found = find_images(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found.paths] == ["a.PNG", "b.jfif", "c.jp2", "deep/g.jpe"]
    assert found.others == {".heic": 1, ".txt": 2, "": 1}
    assert found.describe_others().startswith("left out 1 without suffix, 1 .heic and 2 .txt (read are png, jpg, bmp,")
    assert [path.name for path in find_images(tmp_path, recursive=False).paths] == ["a.PNG", "b.jfif", "c.jp2"]


COPIES = {
    "DIV2K_train_HR/0001.png": ["DIV2K_train_LR_bicubic/X2/0001x2.png", "DIV2K_train_LR_unknown/X4/0001x4.png"],
    "img_001_SRF_2_HR.png": ["img_001_SRF_2_LR.png", "img_001_SRF_2_bicubic.png", "img_001_SRF_2_A+.png"],
    "original/baby.png": ["LRbicx4/baby.png", "GT_LR/baby.png", "bicubic/baby.png", "baby_x3.png"],
    "photos/IMG_7.jpg": ["photos/IMG_7_LR.png", "lowres/img_7.png", "X2/IMG_7.png"],
}


@pytest.mark.parametrize("original", list(COPIES))
def test_marked_copies_are_found_beside_their_original_only(original):
    copies = COPIES[original]
    assert find_copies([original, *copies]) == set(copies)
    assert find_copies(copies) == set()
    assert find_copies(["unrelated.png", *copies]) == set()


@pytest.mark.parametrize("name", ["color/a.png", "GLR/a.png", "a_lrx.png", "max2/a.png", "HR/a.png", "GTmod12/a.png"])
def test_similar_names_are_no_marks(name):
    assert find_copies(["x/a.png", name, "x/a_lrx.png"]) == set()


def test_a_number_behind_an_x_is_a_mark_only_beside_its_original():
    assert find_copies(["index2.png", "index3.png", "box2.png", "fo.png", "fox2.png"]) == set()
    assert find_copies(["baby.png", "babyx2.png"]) == {"babyx2.png"}
    assert len(group_by_photograph(["index2.png", "index3.png"])) == 2


def test_a_number_that_many_folders_have_is_no_photograph():
    films = [f"{film:03}/{frame:08}.png" for film in range(6) for frame in range(5)]
    assert len(group_by_photograph(films)) == 30
    assert len(group_by_photograph(films[:20])) == 5


def test_tiles_and_equal_stems_are_one_photograph():
    names = ["a/0001_s001.png", "a/0001_s002.png", "b/0001.jpg", "a/0002_s001.png", "0003x2.png"]
    assert group_by_photograph(names) == [names[:3], names[3:4], names[4:]]
