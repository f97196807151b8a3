"""Decodes images once into a memory-mapped file that later runs, workers and ranks share."""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from shared.data.store import ImageStore

FORMAT = 2  # raise it when the files below change their meaning
PIXELS, INDEX = "pixels.bin", "index.json"
DECODERS = min(4, os.cpu_count() or 1)  # threads; memory holds at most one more image than these
BAR_THRESHOLD = 200  # images; fewer are decoded before a progress bar can be read
PROBES, PROBE_BYTES = 64, 4096  # parts of the pixels that are checked at every start
MENTION_THRESHOLD = 10**9  # bytes of older caches of the same images, from which on they are worth a word

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageSource:
    """One image that can be loaded.

    Attributes:
        name: unique among the images of a set.
        stamp: changes whenever the image may have changed.
        load: gives the RGB image, (H, W, 3) uint8; raises ValueError or OSError where it cannot.
    """

    name: str
    stamp: str
    load: Callable[[], np.ndarray]


@dataclass(frozen=True)
class CachedImages:
    """The images that could be decoded, and (name, reason) of those that could not."""

    store: ImageStore
    skipped: tuple[tuple[str, str], ...]


def open_cached_images(sources: Sequence[ImageSource], identity: str, cache_dir: Path) -> CachedImages:
    """Opens the decoded images, after decoding them if no valid cache exists.

    The cache is a folder `cache_dir/<key>`, the key a hash of the identity and of all names and stamps. It is
    written under a private name and then renamed; while one process builds, others wait and then share its
    result. A truncated or damaged cache is built again. Whatever the number of images, memory holds no more
    than `DECODERS` + 1 of them.

    Args:
        sources: the images; their order is kept.
        identity: tells sets apart whose names and stamps could agree, e.g. the path of their folder.
        cache_dir: made if it does not exist; old folders in it may be deleted when no run uses them.

    Raises:
        ValueError: if the cache cannot be written, e.g. on a full disk.
    """
    key = _key(sources, identity)
    folder = cache_dir / key
    found = _opened(folder)
    if found is not None:
        return found
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _exclusive(cache_dir / f".{key}.lock") as locked:
            return _opened(folder) or _built(sources, identity, folder, locked)
    except OSError as error:
        raise ValueError(
            f"cannot write the image cache in {str(cache_dir)!r} ({error.strerror or error}); give a "
            "cache_dir that is writable and has room for all images at 3 bytes per pixel"
        ) from error


def _key(sources: Sequence[ImageSource], identity: str) -> str:
    described = [FORMAT, identity, [[source.name, source.stamp] for source in sources]]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:24]


def _opened(folder: Path) -> CachedImages | None:
    """The cache in the folder, or None if there is none or it is not intact."""
    pixels = folder / PIXELS
    try:
        index = json.loads((folder / INDEX).read_text())
        heights, widths = torch.tensor(index["heights"]), torch.tensor(index["widths"])
        size = 3 * int((heights * widths).sum())
        if pixels.stat().st_size != size or checksum(pixels) != index["checksum"]:
            return None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    store = ImageStore.from_file(pixels, heights.long(), widths.long(), index["names"])
    return CachedImages(store, tuple((name, reason) for name, reason in index["skipped"]))


def checksum(pixels: Path) -> int:
    """CRC-32 of parts spread evenly over a file, which finds holes without reading a large file whole."""
    size = pixels.stat().st_size
    found = 0
    with pixels.open("rb") as stream:
        for start in np.linspace(0, max(0, size - PROBE_BYTES), PROBES).astype(np.int64):
            stream.seek(int(start))
            found = zlib.crc32(stream.read(PROBE_BYTES), found)
    return found


@contextmanager
def _exclusive(lock: Path) -> Iterator[bool]:
    """Lets one process at a time pass; the system frees the lock of a process that dies.

    Gives False on file systems without locks, where runs that start at once all decode.
    """
    with lock.open("w") as stream:
        locked = True
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("waiting for another run that decodes the same images into %s", lock.parent)
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError:
            locked = False
        yield locked


def _built(sources: Sequence[ImageSource], identity: str, folder: Path, locked: bool) -> CachedImages:
    if folder.exists():
        logger.warning("the image cache %s is damaged and is built again", folder)
        shutil.rmtree(folder)
    if locked:  # nobody else is at it: what lies here was left by a run that was killed
        for abandoned in folder.parent.glob(f".{folder.name}-*"):
            shutil.rmtree(abandoned)
    private = folder.parent / f".{folder.name}-{uuid.uuid4().hex}"
    private.mkdir()
    try:
        _write(sources, identity, private)
        _publish(private, folder)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    built = _opened(folder)
    if built is None:
        raise OSError(f"{folder} cannot be read back")
    _mention_older(identity, folder)
    logger.info("decoded %d images into %s, %.1f MB", len(built.store), folder, built.store.nbytes / 1e6)
    return built


def _mention_older(identity: str, folder: Path) -> None:
    """A changed file makes a new cache; the old one is kept, since a run may be reading it."""
    older = []
    for index in folder.parent.glob(f"*/{INDEX}"):
        try:
            if index.parent != folder and json.loads(index.read_text())["identity"] == identity:
                older.append(index.parent)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    total = sum((old / PIXELS).stat().st_size for old in older if (old / PIXELS).is_file())
    if total >= MENTION_THRESHOLD:
        names = ", ".join(sorted(old.name for old in older))
        logger.warning(
            "older states of the same images take %.1f GB in %s: delete %s once no run uses them",
            total / 1e9, folder.parent, names,
        )  # fmt: skip


def _write(sources: Sequence[ImageSource], identity: str, folder: Path) -> None:
    names, heights, widths, skipped = [], [], [], []
    with (folder / PIXELS).open("wb") as stream:
        for name, image in tqdm(
            _decoded(sources), "decoding images", len(sources), unit="image", disable=len(sources) < BAR_THRESHOLD
        ):
            if isinstance(image, str):
                skipped.append((name, image))
                continue
            names.append(name)
            heights.append(image.shape[0])
            widths.append(image.shape[1])
            stream.write(np.ascontiguousarray(image).data)
        stream.flush()
        os.fsync(stream.fileno())
    index = {
        "names": names,
        "heights": heights,
        "widths": widths,
        "skipped": skipped,
        "checksum": checksum(folder / PIXELS),
        "identity": identity,
    }
    with (folder / INDEX).open("w") as text:
        json.dump(index, text)
        text.flush()
        os.fsync(text.fileno())


def _decoded(sources: Sequence[ImageSource]) -> Iterator[tuple[str, np.ndarray | str]]:
    """Images, or the reasons why there are none, in order, with a bounded number decoded ahead."""
    with ThreadPoolExecutor(DECODERS) as pool:
        ahead: deque = deque()
        for source in sources:
            ahead.append((source.name, pool.submit(_loaded, source)))
            if len(ahead) >= DECODERS:
                name, image = ahead.popleft()
                yield name, image.result()
        for name, image in ahead:
            yield name, image.result()


def _loaded(source: ImageSource) -> np.ndarray | str:
    try:
        return source.load()
    except (ValueError, OSError, MemoryError) as error:
        return str(error)


def _publish(private: Path, folder: Path) -> None:
    """Moves a finished cache to its place; where another process was faster, its intact copy stays."""
    try:
        private.rename(folder)
    except OSError:
        if _opened(folder) is None:
            raise
