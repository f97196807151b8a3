"""Where training images come from: built-in photographs and dead leaves, or a folder."""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.data.cache import CachedImages, ImageSource, open_cached_images
from shared.data.dead_leaves import dead_leaves
from shared.data.store import ImageStore
from shared.images import IMAGE_SUFFIXES, read_image

# (package, path in it) of colour photographs. Left out: motorcycle_right.png, a twin; retina.jpg, nearly flat and soft
# by itself.
TRAINING_PHOTOGRAPHS = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
# Photographs alone, of other scenes: on dead leaves, all of one kind, hand-made statistics read a blur almost without
# error. Three colour photographs are few, so sharp gray ones of natural scenes and surfaces join them.
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
DEAD_LEAVES_VERSION = 1  # raise it when the generator draws other images, so that caches are built again
HELD_OUT_LIMITS = (4, 64)  # images; fewer give noisy probe scores, more only slow the probes down
MAX_NAMED = 20  # skipped files named in a warning

logger = logging.getLogger(__name__)


@dataclass
class DataConfig:
    """Which images to train on and which to hold out for probes."""

    kind: str = "builtin"  # builtin | folder
    root: str | None = None  # of kind folder: searched recursively
    held_out: float = 0.1  # share of the folder's images, within 4..64 images where there are enough
    held_out_root: str | None = None  # a folder of its own instead, e.g. where files are tiles of larger images
    dead_leaves: int = 24  # of kind builtin, beside the photographs; without them a ResNet50 scored far lower
    cache_dir: str = "~/.cache/unblind"  # decoded images, 3 bytes per pixel


def open_images(config: DataConfig, minimum_size: int) -> tuple[ImageStore, ImageStore]:
    """Opens the images, decoding them first if that was not done before.

    Files that cannot be used are named and counted in a warning. Of a folder the images with the smallest
    hashes of their relative names are held out, so that added files hardly change the choice.

    Args:
        config: where the images are.
        minimum_size: pixels that the shorter side must have, usually the largest crop with its margin.

    Returns:
        Training and held-out images; no image is in both.

    Raises:
        ValueError: for a wrong configuration, no usable images, or a cache that cannot be written.
    """
    _check(config)
    cache_dir = Path(config.cache_dir).expanduser()
    if config.kind == "builtin":
        training_sources, held_out_sources = _builtin_sources(config.dead_leaves)
        found = open_cached_images(training_sources + held_out_sources, "builtin", cache_dir)
        store = _usable(found, minimum_size, "the built-in images")
        held_out_names = {source.name for source in held_out_sources}
    else:
        root = _folder(config.root, "data.root")
        store = _folder_images(root, cache_dir, minimum_size)
        if config.held_out_root is not None:
            held_out_root = _folder(config.held_out_root, "data.held_out_root")
            if held_out_root == root or root in held_out_root.parents or held_out_root in root.parents:
                raise ValueError(
                    f"data.held_out_root={config.held_out_root!r} and data.root={config.root!r} overlap; "
                    "give folders that do not contain each other, so that no image is in both"
                )
            return store, _folder_images(held_out_root, cache_dir, minimum_size)
        held_out_names = _held_out_names(store.names, config.held_out)
    training = [index for index, name in enumerate(store.names) if name not in held_out_names]
    held_out = [index for index, name in enumerate(store.names) if name in held_out_names]
    if not training or not held_out:
        raise ValueError(
            f"only {len(store)} usable image(s), {list(store.names)}: one is needed for training and one to "
            "hold out; add images, give data.held_out_root, or use smaller patches"
        )
    return store.select(training), store.select(held_out)


def open_files(paths: Sequence[Path], cache_dir: Path, minimum_size: int) -> ImageStore:
    """Opens a user's images: files, and all images in folders, each once; what cannot be used is named in a warning.

    Args:
        paths: files and folders.
        cache_dir: of decoded images.
        minimum_size: pixels that the shorter side must have.

    Raises:
        ValueError: a path does not exist, or none of the images can be used.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise ValueError(f"{', '.join(missing)}: no such file or folder; expected images")
    files = [file.resolve() for path in paths for file in (_image_files(path)[0] if path.is_dir() else [path])]
    if not files:
        raise ValueError(f"no images in {', '.join(map(str, paths))}; expected {', '.join(IMAGE_SUFFIXES)}")
    sources = [_file_source(file, str(file)) for file in dict.fromkeys(files)]
    return _usable(open_cached_images(sources, "files", cache_dir), minimum_size, "what was given")


def _check(config: DataConfig) -> None:
    if config.kind not in ("builtin", "folder"):
        raise ValueError(f"data.kind={config.kind!r}; expected builtin or folder")
    if config.kind == "builtin" and (config.root is not None or config.held_out_root is not None):
        raise ValueError(f"data.root={config.root!r} is read only with data=folder, but data is builtin")
    if not 0 < config.held_out < 1:
        raise ValueError(f"data.held_out={config.held_out}; expected a share between 0 and 1, e.g. 0.1")
    if config.dead_leaves < 0:
        raise ValueError(f"data.dead_leaves={config.dead_leaves}; expected a number of images, e.g. 24")


def _builtin_sources(count: int) -> tuple[list[ImageSource], list[ImageSource]]:
    return (
        [_photograph(*each) for each in TRAINING_PHOTOGRAPHS] + [_leaves(seed) for seed in range(count)],
        [_photograph(*each) for each in HELD_OUT_PHOTOGRAPHS],
    )


def _photograph(package: str, path: str) -> ImageSource:
    found = importlib.util.find_spec(package)  # does not import the package
    folder = Path(found.origin).parent if found is not None and found.origin else Path(package)
    return _file_source(folder / path, f"{package}/{path}")


def _leaves(seed: int) -> ImageSource:
    stamp = f"dead leaves {DEAD_LEAVES_VERSION}"
    return ImageSource(f"dead_leaves/{seed}", stamp, partial(dead_leaves, seed))


def _file_source(path: Path, name: str) -> ImageSource:
    try:
        status = path.stat()
        stamp = f"{status.st_size} {status.st_mtime_ns} {os.access(path, os.R_OK)}"
    except OSError as error:
        stamp = f"{error.strerror}"
    return ImageSource(name, stamp, partial(read_image, path))


def _folder(path: str | None, option: str) -> Path:
    if not path:
        raise ValueError(f"{option} is not set; data=folder needs the path of a folder of images")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{option}={path!r} {found}; expected a folder of images")
    return folder.resolve()


def _folder_images(root: Path, cache_dir: Path, minimum_size: int) -> ImageStore:
    paths, other = _image_files(root)
    if not paths:
        raise ValueError(
            f"no images in {str(root)!r} ({other} other files); expected {', '.join(IMAGE_SUFFIXES)}, "
            "in it or in its subfolders"
        )
    sources = [_file_source(path, path.relative_to(root).as_posix()) for path in paths]
    return _usable(open_cached_images(sources, str(root), cache_dir), minimum_size, repr(str(root)))


def _image_files(root: Path) -> tuple[list[Path], int]:
    """Image files below the root in a fixed order, and the number of other files.

    Links are followed, each folder is read once (loops end), and hidden files and folders are left out, among
    them the `._` companions that macOS leaves beside images.
    """
    paths: list[Path] = []
    other = 0
    visited: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_warn_unreadable_folder):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in visited:
            subfolders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if name.startswith("."):
                continue
            if name.lower().endswith(IMAGE_SUFFIXES):
                paths.append(Path(folder, name))
            else:
                other += 1
    return paths, other


def _warn_unreadable_folder(error: OSError) -> None:
    logger.warning("skipped the folder %r: %s", error.filename, error.strerror)


def _usable(found: CachedImages, minimum_size: int, place: str) -> ImageStore:
    """Leaves out too small images and warns of all that was skipped."""
    store = found.store
    skipped = list(found.skipped)
    usable = []
    for index, (height, width) in enumerate(zip(store.heights.tolist(), store.widths.tolist(), strict=True)):
        if min(height, width) >= minimum_size:
            usable.append(index)
        else:
            skipped.append((store.names[index], f"{width}x{height} is smaller than {minimum_size}"))
    if skipped:
        named = "; ".join(f"{name!r} ({reason})" for name, reason in skipped[:MAX_NAMED])
        more = f"; and {len(skipped) - MAX_NAMED} more" if len(skipped) > MAX_NAMED else ""
        total = len(usable) + len(skipped)
        summary = f"{len(skipped)} of {total} images in {place} cannot be used: {named}{more}"
        if not usable:
            raise ValueError(f"{summary}; expected images of {minimum_size} pixels or more")
        logger.warning("skipped %s", summary)
    return store.select(usable)


def _held_out_names(names: Sequence[str], share: float) -> set[str]:
    fewest, most = HELD_OUT_LIMITS
    count = min(max(round(share * len(names)), fewest), most, len(names) // 2)
    by_hash = sorted(names, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())
    return set(by_hash[:count])
