"""Built-in images, folders and files: what is found, held out, skipped and refused."""

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from shared.data import cache
from shared.data.sources import DataConfig, open_images
from shared.images import write_image


def save_pictures(folder: Path, count: int, height: int = 40, width: int = 50) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        write_image(folder / f"{seed:03}.png", pixels)


@pytest.fixture
def config(tmp_path) -> DataConfig:
    return DataConfig(kind="folder", root=str(tmp_path / "images"), cache_dir=str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


@pytest.fixture(scope="module")
def builtin(tmp_path_factory):
    return open_images(DataConfig(dead_leaves=3, cache_dir=str(tmp_path_factory.mktemp("cache"))), 64)


def test_builtin_images_need_no_download_and_share_no_scene(builtin):
    training, held_out = builtin
    assert [name for name in training.names if "dead_leaves" not in name] == [
        "skimage/data/astronaut.png",
        "skimage/data/coffee.png",
        "skimage/data/motorcycle_left.png",
        "skimage/data/rocket.jpg",
        "skimage/data/hubble_deep_field.jpg",
        "sklearn/datasets/images/flower.jpg",
    ]
    assert sum("dead_leaves" in name for name in training.names) == 3
    assert len(held_out) == 8
    assert not any("dead_leaves" in name for name in held_out.names)
    assert not set(training.names) & set(held_out.names)
    assert not any("motorcycle" in name for name in held_out.names)
    for store in builtin:
        for index in range(len(store)):
            image = store.image(index)
            assert min(image.shape[:2]) >= 300
            assert image.float().std() > 10
    thumbnails = [store.image(i)[:64, :64].numpy().tobytes() for store in builtin for i in range(len(store))]
    assert len(set(thumbnails)) == len(thumbnails)


def test_builtin_photograph_is_the_real_one(builtin):
    from skimage import data

    training, held_out = builtin
    assert np.array_equal(training.image(training.names.index("skimage/data/coffee.png")), data.coffee())
    assert np.array_equal(held_out.image(held_out.names.index("skimage/data/chelsea.png")), data.chelsea())


def test_a_folder_is_searched_recursively_in_a_fixed_order(config, root):
    save_pictures(root / "b" / "deep", 3)
    save_pictures(root / "a", 3)
    training, held_out = open_images(config, 32)
    assert sorted(training.names + held_out.names) == [
        *(f"a/00{i}.png" for i in range(3)),
        *(f"b/deep/00{i}.png" for i in range(3)),
    ]
    assert list(training.names) == sorted(training.names)


def test_hidden_files_foreign_suffixes_and_link_loops_are_left_out(config, root):
    save_pictures(root, 3)
    save_pictures(root / ".thumbnails", 2)
    save_pictures(root / "__MACOSX", 2)
    (root / "._000.png").write_bytes(b"resource fork")
    (root / "notes.txt").write_text("text")
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "self").symlink_to(root / "self")
    training, held_out = open_images(config, 32)
    assert sorted(training.names + held_out.names) == ["000.png", "001.png", "002.png"]


def test_linked_folder_is_read(config, root, tmp_path):
    save_pictures(tmp_path / "elsewhere", 3)
    (root / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    training, held_out = open_images(config, 32)
    assert sorted(training.names + held_out.names) == [f"link/00{i}.png" for i in range(3)]


def add_unusable_files(root: Path) -> None:
    (root / "a empty.png").write_bytes(b"")
    (root / "b text.JPG").write_text("not an image")
    (root / "c broken link.tif").symlink_to(root / "nowhere")
    save_pictures(root / "d small", 1, 20, 90)


def test_unusable_files_are_named_and_counted_every_time(config, root, caplog, monkeypatch):
    save_pictures(root, 4)
    add_unusable_files(root)
    with caplog.at_level(logging.WARNING):
        training, held_out = open_images(config, 32)
    assert len(training) + len(held_out) == 4
    first = caplog.text
    for part in (
        "4 of 8 images",
        "'a empty.png' (",
        "is empty",
        "'b text.JPG' (",
        "not an image",
        "'c broken link.tif' (",
        "No such file",
        "'d small/000.png' (90x20 is smaller than 32)",
    ):
        assert part in first
    caplog.clear()
    monkeypatch.setattr(cache, "_build", None)  # nothing may be decoded again
    with caplog.at_level(logging.WARNING):
        open_images(config, 32)
    assert caplog.text == first


def test_only_the_first_unusable_files_are_named(config, root, caplog):
    save_pictures(root, 3)
    for index in range(10, 34):
        (root / f"x{index}.png").write_bytes(b"")
    open_images(config, 32)
    assert "24 of 27 images" in caplog.text
    assert "'x29.png'" in caplog.text
    assert "'x30.png'" not in caplog.text
    assert "and 4 more" in caplog.text


def test_non_ascii_and_undecodable_names(config, root):
    save_pictures(root / "写真 é", 3)
    os.rename(root / "写真 é" / "000.png", os.fsencode(root) + b"/latin\xe9.png")
    training, held_out = open_images(config, 32)
    assert sorted(training.names + held_out.names) == ["latin\udce9.png", "写真 é/001.png", "写真 é/002.png"]


def test_a_changed_file_is_decoded_again(config, root):
    save_pictures(root, 3)
    before = {name: store.image(i).clone() for store in open_images(config, 32) for i, name in enumerate(store.names)}
    pixels = np.full((40, 50, 3), 7, np.uint8)
    write_image(root / "000.png", pixels)
    after = {name: store.image(i) for store in open_images(config, 32) for i, name in enumerate(store.names)}
    assert np.array_equal(after["000.png"], pixels)
    assert np.array_equal(after["001.png"], before["001.png"])


def test_the_size_limit_needs_no_new_cache(config, root, tmp_path):
    save_pictures(root, 3)
    save_pictures(root / "large", 3, 80, 90)
    assert sum(map(len, open_images(config, 32))) == 6
    assert sum(map(len, open_images(config, 64))) == 3
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize(("count", "held_out"), [(3, 2), (5, 2), (8, 4), (30, 4), (60, 6)])
def test_share_held_out(config, root, count, held_out):
    save_pictures(root, count, 32, 32)
    assert [len(store) for store in open_images(config, 32)] == [count - held_out, held_out]


def test_held_out_images_are_limited_in_number(config, root):
    save_pictures(root, 140, 16, 16)
    config.held_out = 0.9
    assert [len(store) for store in open_images(config, 16)] == [76, 64]


def test_added_files_hardly_change_the_held_out_images(config, root):
    save_pictures(root, 60, 16, 16)
    before = set(open_images(config, 16)[1].names)
    save_pictures(root, 64, 16, 16)
    after = set(open_images(config, 16)[1].names)
    assert before != {f"{index:03}.png" for index in range(6)}
    assert len(before & after) >= len(before) - 2


def test_low_resolution_copies_are_left_out(config, root, caplog):
    save_pictures(root / "train_HR", 12, 64, 64)
    save_pictures(root / "train_LR_bicubic" / "X2", 12)
    for path in list((root / "train_LR_bicubic" / "X2").iterdir()):
        path.rename(path.with_name(f"{path.stem}x2.png"))
    training, held_out = open_images(config, 32)
    assert len(training.names + held_out.names) == 12
    assert all(name.startswith("train_HR/") for name in training.names + held_out.names)
    assert "left out 12 low-resolution copies of other images" in caplog.text
    assert "12 in 'train_LR_bicubic/X2'" in caplog.text


def test_a_set_of_low_resolution_images_alone_is_used(config, root):
    save_pictures(root / "RealSR_LR", 4)
    assert sum(map(len, open_images(config, 32))) == 4


def test_files_of_one_photograph_are_on_one_side(config, root):
    for folder in ("original", "sharpened", "toned"):
        save_pictures(root / folder, 30)
    training, held_out = (store.names for store in open_images(config, 32))
    assert len(held_out) == 9
    assert not {Path(name).stem for name in training} & {Path(name).stem for name in held_out}


@pytest.mark.parametrize(("films", "frames"), [(12, 5), (4, 2), (5, 5), (2, 2)])
def test_films_whose_frames_have_equal_names_are_split(config, root, films, frames):
    for film in range(films):
        save_pictures(root / f"{film:03}", frames)
    training, held_out = open_images(config, 32)
    assert len(held_out) >= 2
    assert len(training) >= len(held_out)


def test_of_tiles_one_is_held_out_and_the_others_of_its_photograph_are_not_used(config, root, caplog):
    save_pictures(root, 60)
    for index, path in enumerate(sorted(root.iterdir())):
        path.rename(root / f"{index // 6:04}_s{index % 6:03}.png")
    training, held_out = (store.names for store in open_images(config, 32))
    assert (len(training), len(held_out)) == (36, 4)
    assert not {name[:4] for name in training} & {name[:4] for name in held_out}
    assert "20 tiles are not used" in caplog.text


def test_other_files_are_counted_by_suffix(config, root, caplog):
    save_pictures(root, 3)
    for name in ("a.heic", "b.HEIC", "notes.txt", "README"):
        (root / name).write_text("text")
    open_images(config, 32)
    assert "left out 1 without suffix, 2 .heic and 1 .txt (read are png, jpg, bmp" in caplog.text


def test_what_is_no_regular_file_is_named_and_not_read(config, root, caplog):
    save_pictures(root, 3)
    os.mkfifo(root / "pipe.png")
    (root / "endless.png").symlink_to("/dev/zero")
    (root / "loop.png").symlink_to("loop.png")
    assert sum(map(len, open_images(config, 32))) == 3
    for part in ("is a named pipe, not a file", "is a device, not a file", "'loop.png' ("):
        assert part in caplog.text


def test_held_out_folder_of_its_own(config, root, tmp_path):
    save_pictures(root, 3)
    save_pictures(tmp_path / "validation", 2)
    config.held_out_root = str(tmp_path / "validation")
    assert [len(store) for store in open_images(config, 32)] == [3, 2]
    for overlapping in (root, root / "sub", tmp_path):
        overlapping.mkdir(exist_ok=True)
        config.held_out_root = str(overlapping)
        with pytest.raises(ValueError, match=r"held_out_root=.* overlap"):
            open_images(config, 32)


def test_stores_go_to_workers_as_paths(config, root):
    save_pictures(root, 10, 300, 300)
    training, held_out = pickle.loads(pickle.dumps(open_images(config, 32)))
    assert len(pickle.dumps(training)) < 5000
    assert (len(training), len(held_out)) == (6, 4)


def test_cache_dir_may_lie_in_the_home_folder(config, root, tmp_path, monkeypatch):
    save_pictures(root, 3)
    monkeypatch.setenv("HOME", str(tmp_path))
    config.cache_dir = "~/mine"
    open_images(config, 32)
    assert (tmp_path / "mine").is_dir()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "foldr"}, "data.kind='foldr'; expected builtin or folder"),
        ({"root": None}, "data.root is not set"),
        ({"root": "/nowhere/at/all"}, "data.root='/nowhere/at/all' does not exist"),
        ({"root": __file__}, "is a file; expected a folder"),
        ({"held_out_root": "/nowhere"}, "data.held_out_root='/nowhere' does not exist"),
        ({"held_out": 0.0}, "data.held_out=0.0; expected a share"),
        ({"held_out": 1.0}, "data.held_out=1.0; expected a share"),
        ({"kind": "builtin"}, "data.root='.*' has no effect with data=builtin: add data=folder"),
        ({"kind": "builtin", "root": None, "held_out_root": "/a"}, "data.held_out_root='/a' has no effect"),
    ],
)
def test_wrong_configuration(config, root, changes, message):
    save_pictures(root, 3)
    for name, value in changes.items():
        setattr(config, name, value)
    with pytest.raises(ValueError, match=message):
        open_images(config, 32)


def test_folder_without_images(config, root):
    (root / "notes.txt").write_text("text")
    with pytest.raises(ValueError, match=r"no images in .* or its subfolders; expected png, jpg"):
        open_images(config, 32)


def test_folder_without_usable_images(config, root):
    add_unusable_files(root)
    with pytest.raises(ValueError, match=r"4 of 4 images in .* cannot be used.*'a empty.png'.*32 pixels"):
        open_images(config, 32)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_images_to_hold_two_out_are_refused(config, root, count):
    save_pictures(root, count)
    with pytest.raises(ValueError, match=rf"only {count} usable image\(s\), \['000.png'.*and 2 to hold out"):
        open_images(config, 32)


def test_a_held_out_folder_of_one_image_is_refused(config, root, tmp_path):
    save_pictures(root, 3)
    save_pictures(tmp_path / "validation", 1)
    config.held_out_root = str(tmp_path / "validation")
    with pytest.raises(ValueError, match="holds one usable image, but probes compare at least 2"):
        open_images(config, 32)


def test_a_user_without_a_home_directory_is_told_what_to_set(config, root, monkeypatch):
    save_pictures(root, 3)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))
    config.cache_dir = "~/cache"
    with pytest.raises(ValueError, match="data.cache_dir=~/cache: this user has no home directory; give"):
        open_images(config, 32)


def test_patches_larger_than_all_builtin_images(tmp_path):
    with pytest.raises(ValueError, match="the built-in images cannot be used"):
        open_images(DataConfig(dead_leaves=0, cache_dir=str(tmp_path)), 4000)
