"""The cache of decoded images: a memory-mapped file that runs, workers and ranks share."""

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from shared.data.store import ImageStore
from shared.files import make_private_path
from shared.locks import hold_lock
from shared.progress_bar import ProgressBar

FORMAT_VERSION = 2  # to be raised when the files below change their meaning
PIXELS, INDEX = "pixels.bin", "index.json"
DECODERS = min(4, os.cpu_count() or 1)  # threads; memory holds at most one image more than these
PROGRESS_BAR_THRESHOLD = 200  # images; fewer are decoded before anyone could read a progress bar
CHECKSUM_PARTS, CHECKSUM_PART_BYTES = 64, 4096  # parts of the pixels that are checked at every start
OLD_CACHE_THRESHOLD = 10**9  # bytes of older caches of the same images, above which a warning is given

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageSource:
    """An image that can be loaded.

    Attributes:
        name: Name, unique among the images of a set.
        stamp: Text that changes whenever the image may have changed.
        load: Function that returns the RGB image, (H, W, 3) uint8, or raises ValueError or OSError.
    """

    name: str
    stamp: str
    load: Callable[[], np.ndarray]


@dataclass(frozen=True)
class CachedImages:
    """A set of decoded images.

    Attributes:
        store: The images that could be decoded.
        skipped: Name and reason of each image that could not.
    """

    store: ImageStore
    skipped: tuple[tuple[str, str], ...]


def open_cached_images(sources: Sequence[ImageSource], identity: str, cache_dir: Path) -> CachedImages:
    """Opens the cache of a set of images; decodes them first if there is no valid cache.

    The cache is a folder `cache_dir/<key>`, where the key is a hash of the identity and of all names and stamps. It is
    written under a private name and then renamed; while one process builds it, others wait and then share it. A
    truncated or damaged cache is built again. For any number of images, memory holds at most `DECODERS` + 1 of them.

    Args:
        sources: Images of the set; their order is kept.
        identity: Text that distinguishes sets whose names and stamps could agree, such as the path of their folder.
        cache_dir: Folder of all caches, created if missing. Old caches in it may be deleted when no run uses them.

    Raises:
        ValueError: The cache cannot be written, for instance on a full disk.
    """
    key = _hash_set(sources, identity)
    folder = cache_dir / key
    cached = _open(folder)
    if cached is not None:
        return cached
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        waiting = f"waiting for another run that is decoding the same images into {cache_dir}"
        with hold_lock(cache_dir / f".{key}.lock", waiting=waiting):
            return _open(folder) or _build(sources, identity, folder)
    except OSError as error:
        raise ValueError(
            f"cannot write the image cache in {str(cache_dir)!r} ({error.strerror or error}); give a "
            "cache_dir that is writable and has space for all images at 3 bytes per pixel"
        ) from error


def _hash_set(sources: Sequence[ImageSource], identity: str) -> str:
    description = [FORMAT_VERSION, identity, [[source.name, source.stamp] for source in sources]]
    return hashlib.sha256(json.dumps(description).encode()).hexdigest()[:24]


def _open(folder: Path) -> CachedImages | None:
    """Opens the cache in a folder; None if there is none or it is damaged."""
    pixels = folder / PIXELS
    try:
        index = json.loads((folder / INDEX).read_text())
        heights, widths = torch.tensor(index["heights"]), torch.tensor(index["widths"])
        size = 3 * int((heights * widths).sum())
        if pixels.stat().st_size != size or compute_checksum(pixels) != index["checksum"]:
            return None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    store = ImageStore.from_file(pixels, heights.long(), widths.long(), index["names"])
    return CachedImages(store, tuple((name, reason) for name, reason in index["skipped"]))


def compute_checksum(pixels: Path) -> int:
    """Computes the CRC-32 of parts spread evenly over a file, which finds holes without reading a large file whole."""
    size = pixels.stat().st_size
    checksum = 0
    with pixels.open("rb") as stream:
        for start in np.linspace(0, max(0, size - CHECKSUM_PART_BYTES), CHECKSUM_PARTS).astype(np.int64):
            stream.seek(int(start))
            checksum = zlib.crc32(stream.read(CHECKSUM_PART_BYTES), checksum)
    return checksum


def _build(sources: Sequence[ImageSource], identity: str, folder: Path) -> CachedImages:
    if folder.exists():
        logger.warning("the image cache %s is damaged and is built again", folder)
        shutil.rmtree(folder)
    private = make_private_path(folder)
    private.mkdir()
    try:
        _write(sources, identity, private)
        _publish(private, folder)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    cached = _open(folder)
    if cached is None:
        raise OSError(f"{folder} cannot be read back")
    _warn_of_old_caches(identity, folder)
    logger.info("decoded %d images into %s, %.1f MB", len(cached.store), folder, cached.store.nbytes / 1e6)
    return cached


def _warn_of_old_caches(identity: str, folder: Path) -> None:
    """Warns of large caches of the same images before they changed, which are kept since a run may be reading them."""
    older = []
    for index in folder.parent.glob(f"*/{INDEX}"):
        try:
            if index.parent != folder and json.loads(index.read_text())["identity"] == identity:
                older.append(index.parent)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    total = sum((old / PIXELS).stat().st_size for old in older if (old / PIXELS).is_file())
    if total >= OLD_CACHE_THRESHOLD:
        names = ", ".join(sorted(old.name for old in older))
        logger.warning(
            "older caches of the same images occupy %.1f GB in %s: delete %s once no run uses them",
            total / 1e9,
            folder.parent,
            names,
        )


def _write(sources: Sequence[ImageSource], identity: str, folder: Path) -> None:
    names, heights, widths, skipped = [], [], [], []
    with (folder / PIXELS).open("wb") as stream:
        is_short = len(sources) < PROGRESS_BAR_THRESHOLD
        decoded = _decode(sources)
        for name, image in ProgressBar(decoded, "decoding images", len(sources), unit="image", disable=is_short):
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
        "checksum": compute_checksum(folder / PIXELS),
        "identity": identity,
    }
    with (folder / INDEX).open("w") as text:
        json.dump(index, text)
        text.flush()
        os.fsync(text.fileno())


def _decode(sources: Sequence[ImageSource]) -> Iterator[tuple[str, np.ndarray | str]]:
    """Decodes images in threads and yields each, or the reason why it cannot be decoded, in order."""
    with ThreadPoolExecutor(DECODERS) as pool:
        ahead: deque = deque()
        for source in sources:
            ahead.append((source.name, pool.submit(_load, source)))
            if len(ahead) >= DECODERS:
                name, image = ahead.popleft()
                yield name, image.result()
        for name, image in ahead:
            yield name, image.result()


def _load(source: ImageSource) -> np.ndarray | str:
    try:
        return source.load()
    except (ValueError, OSError, MemoryError) as error:
        return str(error)


def _publish(private: Path, folder: Path) -> None:
    """Renames a finished cache; if another process was faster, its intact copy stays."""
    try:
        private.rename(folder)
    except OSError:
        if _open(folder) is None:
            raise
