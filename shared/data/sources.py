"""Sources of images: built-in photographs and dead leaves, a folder, or the files of a user."""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.bounds import bounded
from shared.data.cache import CachedImages, ImageSource, open_cached_images
from shared.data.dead_leaves import draw_dead_leaves
from shared.data.store import ImageStore
from shared.files import expand_user, resolve
from shared.images import (
    are_tiles,
    count_by_folder,
    find_copies,
    find_images,
    format_suffixes,
    group_by_photograph,
    read_image,
)

# Package and path of colour photographs. Not included: motorcycle_right.png, which is nearly the left one, and
# retina.jpg, which is flat and blurred.
TRAINING_PHOTOGRAPHS = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
# Only photographs, of other scenes: on dead leaves, which are all of one kind, hand-made statistics measure a blur
# almost without error. Three colour photographs are few, so sharp gray ones of natural scenes and surfaces are added.
HELD_OUT_PHOTOGRAPHS = (
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/ihc.png"),
    ("sklearn", "datasets/images/china.jpg"),
    ("skimage", "data/camera.png"),
    ("skimage", "data/coins.png"),
    ("skimage", "data/brick.png"),
    ("skimage", "data/grass.png"),
    ("skimage", "data/gravel.png"),
)
DEAD_LEAVES_VERSION = 1  # to be raised when the generator draws other images, so that caches are built again
FEWEST, MIN_HELD_OUT, MAX_HELD_OUT = 2, 4, 64  # images; fewer give noisy probe scores, more only slow the probes down
MAX_LISTED = 20  # skipped files that a warning lists by name

logger = logging.getLogger(__name__)


@dataclass
class DataConfig:
    """The images to train on, and those to hold out for probes."""

    kind: str = "builtin"  # builtin | folder
    root: str | None = None  # kind folder: the folder, searched recursively
    held_out: float = 0.1  # kind folder: share of the images, limited to 4..64 if there are enough
    held_out_root: str | None = None  # kind folder: separate folder to hold out, if files are tiles of larger images
    dead_leaves: int = bounded(24, 0, 10_000)  # kind builtin: added images, without which a ResNet50 scored far lower
    cache_dir: str = "~/.cache/unblind"  # folder for decoded images, 3 bytes per pixel


def open_images(config: DataConfig, min_side: int) -> tuple[ImageStore, ImageStore]:
    """Opens the training and the held-out images, and decodes them if they are not in the cache.

    Warnings list files that cannot be used, and low-resolution copies of other images, which are left out.

    Args:
        config: Options of the images.
        min_side: Length in pixels that the shorter side of an image must have, usually the largest crop with its
            margin.

    Returns:
        Training and held-out images; no image is in both.

    Raises:
        ValueError: The configuration is wrong, no images can be used, or the cache cannot be written.
    """
    _check(config)
    cache_dir = expand_user(config.cache_dir, "data.cache_dir")
    if config.kind == "builtin":
        training_sources, held_out_sources = _make_builtin_sources(config.dead_leaves)
        cached = open_cached_images(training_sources + held_out_sources, "builtin", cache_dir)
        store = _select_usable(cached, min_side, "the built-in images")
        held_out_names = {source.name for source in held_out_sources}
        training = [index for index, name in enumerate(store.names) if name not in held_out_names]
        held_out = [index for index, name in enumerate(store.names) if name in held_out_names]
    else:
        root = _resolve_folder(config.root, "data.root")
        store = _open_folder(root, cache_dir, min_side)
        if config.held_out_root is not None:
            held_out_root = _resolve_folder(config.held_out_root, "data.held_out_root")
            if held_out_root == root or root in held_out_root.parents or held_out_root in root.parents:
                raise ValueError(
                    f"data.held_out_root={config.held_out_root!r} and data.root={config.root!r} overlap; "
                    "give folders that do not contain each other, so that no image is in both"
                )
            held_out_store = _open_folder(held_out_root, cache_dir, min_side)
            if len(held_out_store) < FEWEST:
                raise ValueError(
                    f"data.held_out_root={config.held_out_root!r} holds one usable image, but probes compare at least "
                    f"{FEWEST}: add images"
                )
            return store, held_out_store
        training, held_out = _split(store.names, config.held_out)
    if not training or len(held_out) < FEWEST:
        raise ValueError(
            f"only {len(store)} usable image(s), {list(store.names[:MAX_LISTED])}: at least one is needed to train on "
            f"and {FEWEST} to hold out, which probes compare; add images, give data.held_out_root, or use smaller "
            "patches"
        )
    return store.select(training), store.select(held_out)


def open_files(paths: Sequence[Path], cache_dir: Path, min_side: int) -> ImageStore:
    """Opens image files and all images in folders, each once; a warning lists those that cannot be used.

    Args:
        paths: Files and folders.
        cache_dir: Folder for decoded images.
        min_side: Length in pixels that the shorter side of an image must have.

    Raises:
        ValueError: A path does not exist, or none of the images can be used.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise ValueError(f"{', '.join(missing)}: no such file or folder; expected images")
    files = [resolve(file) for path in paths for file in (_find_images(path) if path.is_dir() else [path])]
    if not files:
        raise ValueError(f"no images in {', '.join(map(str, paths))}; expected {format_suffixes()}")
    sources = [_make_file_source(file, str(file)) for file in dict.fromkeys(files)]
    return _select_usable(open_cached_images(sources, "files", cache_dir), min_side, "the given paths")


def _check(config: DataConfig) -> None:
    if config.kind not in ("builtin", "folder"):
        raise ValueError(f"data.kind={config.kind!r}; expected builtin or folder")
    for option in ("root", "held_out_root"):
        path = getattr(config, option)
        if config.kind == "builtin" and path is not None:
            raise ValueError(f"data.{option}={path!r} has no effect with data=builtin: add data=folder or remove it")
    if not 0 < config.held_out < 1:
        raise ValueError(f"data.held_out={config.held_out}; expected a share between 0 and 1, e.g. 0.1")


def _make_builtin_sources(dead_leaves: int) -> tuple[list[ImageSource], list[ImageSource]]:
    return (
        [_make_photograph_source(*photograph) for photograph in TRAINING_PHOTOGRAPHS]
        + [_make_dead_leaves_source(seed) for seed in range(dead_leaves)],
        [_make_photograph_source(*photograph) for photograph in HELD_OUT_PHOTOGRAPHS],
    )


def _make_photograph_source(package: str, path: str) -> ImageSource:
    spec = importlib.util.find_spec(package)  # does not import the package
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path(package)
    return _make_file_source(folder / path, f"{package}/{path}")


def _make_dead_leaves_source(seed: int) -> ImageSource:
    stamp = f"dead leaves {DEAD_LEAVES_VERSION}"
    return ImageSource(f"dead_leaves/{seed}", stamp, partial(draw_dead_leaves, seed))


def _make_file_source(path: Path, name: str) -> ImageSource:
    try:
        status = path.stat()
        stamp = f"{status.st_size} {status.st_mtime_ns} {os.access(path, os.R_OK)}"
    except OSError as error:
        stamp = f"{error.strerror}"
    return ImageSource(name, stamp, partial(read_image, path))


def _resolve_folder(path: str | None, option: str) -> Path:
    if not path:
        raise ValueError(f"{option} is not set; data=folder needs the path of a folder of images")
    folder = expand_user(path, option)
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{option}={path!r} {problem}; expected a folder of images")
    return resolve(folder)


def _open_folder(root: Path, cache_dir: Path, min_side: int) -> ImageStore:
    """Opens the images of a folder, except smaller copies of others in it."""
    path_of = {path.relative_to(root).as_posix(): path for path in _find_images(root)}
    if not path_of:
        raise ValueError(f"no images in {str(root)!r} or its subfolders; expected {format_suffixes()}")
    copies = find_copies(list(path_of))
    if copies:
        logger.warning(
            "left out %d low-resolution copies of other images in %r: %s",
            len(copies),
            str(root),
            count_by_folder(sorted(copies)),
        )
    sources = [_make_file_source(path, name) for name, path in path_of.items() if name not in copies]
    return _select_usable(open_cached_images(sources, str(root), cache_dir), min_side, repr(str(root)))


def _find_images(folder: Path) -> tuple[Path, ...]:
    """Finds the images below a folder, and warns of other files."""
    found = find_images(folder, on_error=_warn_unreadable_folder)
    if found.others:
        logger.warning("%r: %s", str(folder), found.describe_others())
    return found.paths


def _warn_unreadable_folder(error: OSError) -> None:
    logger.warning("skipped the folder %r: %s", error.filename, error.strerror)


def _select_usable(cached: CachedImages, min_side: int, place: str) -> ImageStore:
    """Selects the images that are large enough, and warns of all images that are skipped."""
    store = cached.store
    skipped = list(cached.skipped)
    usable = []
    for index, (height, width) in enumerate(zip(store.heights.tolist(), store.widths.tolist(), strict=True)):
        if min(height, width) >= min_side:
            usable.append(index)
        else:
            skipped.append((store.names[index], f"{width}x{height} is smaller than {min_side}"))
    if skipped:
        listed = "; ".join(f"{name!r} ({reason})" for name, reason in skipped[:MAX_LISTED])
        more = f"; and {len(skipped) - MAX_LISTED} more" if len(skipped) > MAX_LISTED else ""
        total = len(usable) + len(skipped)
        summary = f"{len(skipped)} of {total} images in {place} cannot be used: {listed}{more}"
        if not usable:
            raise ValueError(f"{summary}; expected images of at least {min_side} pixels per side")
        logger.warning("skipped %s", summary)
    return store.select(usable)


def _split(names: Sequence[str], share: float) -> tuple[list[int], list[int]]:
    """Splits images into those to train on and those to hold out; returns their indices.

    Files of one photograph are never on both sides; of one that was cut into tiles, a single tile is held out and the
    others are not used. Photographs with the smallest hashes of their relative paths are held out, so that added files
    hardly change the choice.
    """
    photographs = [sorted(files, key=_hash_name) for files in group_by_photograph(names)]
    usable = {files[0]: files[:1] if are_tiles(files) else files for files in photographs}
    total = sum(map(len, usable.values()))
    count = min(max(round(share * total), MIN_HELD_OUT), MAX_HELD_OUT, max(FEWEST, total // 2))
    held_out: set[str] = set()
    used = set(names)
    for files in sorted(photographs, key=lambda files: _hash_name(files[0])):
        chosen = usable[files[0]]
        if len(held_out) < FEWEST or len(held_out) + len(chosen) <= count:
            held_out.update(chosen)
            used.difference_update(set(files) - set(chosen))
    if len(used) < len(names):
        logger.warning(
            "%d tiles are not used, since another tile of the same photograph is held out; "
            "data.held_out_root=FOLDER chooses other images to hold out",
            len(names) - len(used),
        )
    training = [index for index, name in enumerate(names) if name in used and name not in held_out]
    return training, [index for index, name in enumerate(names) if name in held_out]


def _hash_name(name: str) -> bytes:
    return hashlib.sha256(os.fsencode(name)).digest()
