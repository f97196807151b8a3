"""The cache: built once, shared by processes, never trusted when damaged."""

import errno
import fcntl
import logging
import multiprocessing
import resource
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shared.data import cache
from shared.data.cache import DECODERS, ImageSource, open_cached_images
from tests.killed_runs import name_of_a_dead_writer


def picture(seed: int, height: int = 30, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow_picture(seed: int, log: Path) -> np.ndarray:
    with log.open("a") as stream:
        stream.write(f"{seed}\n")
    time.sleep(0.1)
    return picture(seed)


def fail_to_decode() -> np.ndarray:
    raise ValueError("damaged")


def make_sources(count: int = 5, stamp: str = "1") -> list[ImageSource]:
    return [ImageSource(f"image {seed}", stamp, partial(picture, seed, 30 + seed)) for seed in range(count)]


def forbid_loading(sources: list[ImageSource]) -> list[ImageSource]:
    def fail() -> np.ndarray:
        raise AssertionError("decoded again")

    return [ImageSource(source.name, source.stamp, fail) for source in sources]


def list_folders(cache_dir: Path) -> list[Path]:
    return sorted(path for path in cache_dir.iterdir() if path.is_dir())


def test_the_second_opening_decodes_nothing_and_gives_the_same(tmp_path):
    first = open_cached_images(make_sources(), "set", tmp_path / "new" / "cache")
    second = open_cached_images(forbid_loading(make_sources()), "set", tmp_path / "new" / "cache")
    for found in (first, second):
        assert found.store.names == tuple(f"image {seed}" for seed in range(5))
        for seed in range(5):
            assert np.array_equal(found.store.image(seed).numpy(), picture(seed, 30 + seed))
        assert found.skipped == ()


def test_images_that_cannot_be_decoded_are_remembered(tmp_path):
    mixed = [*make_sources(2), ImageSource("bad \udce9", "1", fail_to_decode), *make_sources(3)[2:]]
    open_cached_images(mixed, "set", tmp_path)
    found = open_cached_images(forbid_loading(mixed), "set", tmp_path)
    assert found.store.names == ("image 0", "image 1", "image 2")
    assert found.skipped == (("bad \udce9", "damaged"),)


def test_nothing_decodable(tmp_path):
    found = open_cached_images([ImageSource("bad", "1", fail_to_decode)], "set", tmp_path)
    assert len(found.store) == 0
    assert found.skipped == (("bad", "damaged"),)


@pytest.mark.parametrize("change", ["stamp", "name", "identity", "order", "fewer"])
def test_any_change_is_another_cache(tmp_path, change):
    open_cached_images(make_sources(), "set", tmp_path)
    changed = {
        "stamp": make_sources(stamp="2"),
        "name": [ImageSource("other", "1", partial(picture, 9)), *make_sources()[1:]],
        "order": make_sources()[::-1],
        "fewer": make_sources(4),
    }.get(change, make_sources())
    found = open_cached_images(changed, "elsewhere" if change == "identity" else "set", tmp_path)
    assert found.store.names == tuple(source.name for source in changed)
    assert len(list_folders(tmp_path)) == 2


def damage(folder: Path, kind: str) -> None:
    pixels, index = folder / "pixels.bin", folder / "index.json"
    if kind == "truncated pixels":
        pixels.write_bytes(pixels.read_bytes()[:-100])
    elif kind == "hole":
        data = bytearray(pixels.read_bytes())
        data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
        pixels.write_bytes(data)
    elif kind == "no pixels":
        pixels.unlink()
    elif kind == "truncated index":
        index.write_text(index.read_text()[:-20])
    elif kind == "other index":
        index.write_text("[1, 2]")
    elif kind == "empty folder":
        pixels.unlink()
        index.unlink()


@pytest.mark.parametrize(
    "kind", ["truncated pixels", "hole", "no pixels", "truncated index", "other index", "empty folder"]
)
def test_damaged_cache_is_built_again(tmp_path, kind, caplog):
    open_cached_images(make_sources(), "set", tmp_path)
    damage(list_folders(tmp_path)[0], kind)
    with caplog.at_level(logging.WARNING):
        found = open_cached_images(make_sources(), "set", tmp_path)
    assert np.array_equal(found.store.image(4).numpy(), picture(4, 34))
    assert "damaged" in caplog.text
    open_cached_images(forbid_loading(make_sources()), "set", tmp_path)


def test_the_remains_of_a_killed_run_are_deleted(tmp_path):
    open_cached_images(make_sources(), "set", tmp_path)
    (folder,) = list_folders(tmp_path)
    remains = name_of_a_dead_writer(folder)
    folder.rename(remains)
    open_cached_images(make_sources(), "set", tmp_path)
    assert list_folders(tmp_path) == [folder]
    assert not remains.exists()


def test_interrupted_build_leaves_nothing(tmp_path):
    def interrupt() -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cached_images([*make_sources(), ImageSource("stop", "1", interrupt)], "set", tmp_path)
    assert list_folders(tmp_path) == []


def open_in_process(cache_dir: Path, log: Path, results) -> None:
    slow = [ImageSource(f"image {seed}", "1", partial(slow_picture, seed, log)) for seed in range(6)]
    found = open_cached_images(slow, "set", cache_dir)
    results.put((found.store.image(5).numpy().copy(), found.store.names))


def test_processes_that_start_together_decode_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = (tmp_path / "cache", tmp_path / "log", results)
    processes = [context.Process(target=open_in_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    for last, names in found:
        assert np.array_equal(last, picture(5))
        assert len(names) == 6
    assert sorted((tmp_path / "log").read_text().split()) == list("012345")
    assert len(list_folders(tmp_path / "cache")) == 1


def test_without_locks_the_slower_process_discards_its_copy(tmp_path, monkeypatch):
    def no_locks(stream: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(fcntl, "flock", no_locks)

    def faster_elsewhere() -> np.ndarray:
        open_cached_images(make_sources(1), "set", tmp_path)
        return picture(0)

    slower = [ImageSource("image 0", "1", faster_elsewhere)]
    found = open_cached_images(slower, "set", tmp_path)
    assert len(found.store) == 1
    assert len(list_folders(tmp_path)) == 1


def test_memory_is_bounded_for_any_number_of_images(tmp_path):
    size = 3 * 500 * 500
    many = [ImageSource(str(seed), "1", partial(np.full, (500, 500, 3), seed, np.uint8)) for seed in range(60)]
    open_cached_images(make_sources(), "warm up", tmp_path)
    tracemalloc.start()
    try:
        open_cached_images(many, "set", tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size < peak < (DECODERS + 3) * size < 60 * size / 2


def test_full_disk_is_one_clear_error(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(ValueError, match=r"cannot write the image cache in .*too large.*cache_dir"):
            open_cached_images(make_sources(20), "set", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list_folders(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write the image cache in .*cache_dir"):
        open_cached_images(make_sources(), "set", tmp_path / "file" / "cache")


def test_older_caches_of_the_same_images_are_mentioned(tmp_path, caplog, monkeypatch):
    open_cached_images(make_sources(), "set", tmp_path)
    open_cached_images(make_sources(), "another set", tmp_path)
    old = open_cached_images(make_sources(), "set", tmp_path).store.file.parent.name
    open_cached_images(make_sources(stamp="2"), "set", tmp_path)
    assert "older caches" not in caplog.text
    monkeypatch.setattr(cache, "OLD_CACHE_THRESHOLD", 1)
    open_cached_images(make_sources(stamp="3"), "set", tmp_path)
    assert "older caches of the same images occupy" in caplog.text
    assert old in caplog.text
    assert len(list_folders(tmp_path)) == 4
