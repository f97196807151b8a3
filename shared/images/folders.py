"""The image files of a folder, and which of them are smaller copies of others."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from shared.images.files import format_suffixes
from shared.images.header import IMAGE_SUFFIXES

HIDDEN = (".", "__MACOSX")  # beginnings of names that are skipped, also the `._` files that macOS adds to images
# Marks of copies in the names of folders and behind the names of files, as published data sets use them:
# DIV2K_train_LR_bicubic/X2/0001x2.png, LRbicx4, img_001_SRF_2_LR.png, baby_x3.png.
COPY_FOLDER = re.compile(r"(?:^|[_\- ])(?:LR|bicubic|nearest|low-?res)(?:$|[_\- ]|bic|x?\d)|^x[2-9]$", re.IGNORECASE)
COPY_MARK = re.compile(
    r"(?:_SRF_\d+_[\w+]+|(?:(?<=\d)|[_\-])x[2-9]|[_\-](?:LR|bicubic|nearest|low-?res))$", re.IGNORECASE
)
LOOSE_MARK = re.compile(r"(?<=\w{3})x[2-9]$", re.IGNORECASE)  # as in babyx2, a mark only beside a file called baby
ORIGINAL_MARK = re.compile(r"(?:_SRF_\d+)?[_\-](?:HR|GT)$", re.IGNORECASE)
TILE_MARK = re.compile(r"_s\d{3,}$")  # of tiles of an image, as in 0001_s001.png
MAX_VERSIONS = 4  # folders that hold one photograph each in its version
MAX_LISTED = 5  # folders that a sentence names


@dataclass(frozen=True)
class FoundImages:
    """The files of a folder.

    Attributes:
        paths: Paths of the images, in a fixed order.
        others: Number of files that are no images, or of formats that cannot be read, by suffix.
    """

    paths: tuple[Path, ...]
    others: dict[str, int]

    def describe_others(self) -> str:
        """Counts the other files by suffix, such as `left out 3 .heic and 1 .txt (read are png, jpg)`; may be empty."""
        if not self.others:
            return ""
        counts = [f"{count} {suffix or 'without suffix'}" for suffix, count in sorted(self.others.items())]
        listed = ", ".join(counts[:-1]) + (" and " if len(counts) > 1 else "") + counts[-1]
        return f"left out {listed} (read are {format_suffixes()})"


def find_images(
    root: Path, *, recursive: bool = True, on_error: Callable[[OSError], None] | None = None
) -> FoundImages:
    """Finds the image files of a folder by their suffix; whether they can be read is not checked.

    Links are followed, but each folder is visited only once, so that loops end. Hidden files and folders are skipped.

    Args:
        root: The folder.
        recursive: Whether to search its subfolders too.
        on_error: Function that is called with the error of each folder that cannot be read.
    """
    paths: list[Path] = []
    others: Counter[str] = Counter()
    visited: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=on_error):
        status = os.stat(folder)
        is_new = (status.st_dev, status.st_ino) not in visited
        visited.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if recursive and is_new and not name.startswith(HIDDEN))
        for name in sorted(names) if is_new else ():
            if name.startswith(HIDDEN):
                continue
            suffix = os.path.splitext(name)[1].lower()
            if suffix in IMAGE_SUFFIXES:
                paths.append(Path(folder, name))
            else:
                others[suffix] += 1
    return FoundImages(tuple(paths), dict(others))


def find_copies(names: Sequence[str]) -> set[str]:
    """Finds the files that are marked as smaller copies of others, in the name of a folder or of the file.

    Args:
        names: Relative paths of the images of a set, with `/`.

    Returns:
        The names that are marked and for which there is an image of the same stem that is not.
    """
    originals = {parse_stem(name) for name in names if not is_marked_as_copy(name)}
    copies = {name for name in names if is_marked_as_copy(name) and parse_stem(name) in originals}
    for name in names:
        stem = LOOSE_MARK.sub("", PurePath(name).stem)
        if stem != PurePath(name).stem and stem.lower() in originals:
            copies.add(name)
    return copies


def is_marked_as_copy(name: str) -> bool:
    """Whether a folder or the end of a relative path says that the image is of low resolution."""
    path = PurePath(name)
    if ORIGINAL_MARK.search(path.stem):
        return False
    return bool(COPY_MARK.search(path.stem)) or any(map(is_copy_folder, path.parts[:-1]))


def is_copy_folder(name: str) -> bool:
    """Whether the name of a folder says that its images are of low resolution."""
    return bool(COPY_FOLDER.search(name))


def parse_stem(name: str) -> str:
    """Returns the name of the photograph that a file shows: without folder, suffix and marks, in lower case."""
    stem = PurePath(name).stem
    for mark in (ORIGINAL_MARK, COPY_MARK):
        shorter = mark.sub("", stem)
        if shorter and shorter != stem:
            return shorter.lower()
    return stem.lower()


def group_by_photograph(names: Sequence[str]) -> list[list[str]]:
    """Groups files of one photograph: those of one stem, and tiles such as `0001_s001.png` and `0001_s002.png`.

    A stem in more folders than a photograph has versions is a number, as in the frames of many films.
    """
    folders: dict[str, set[str]] = defaultdict(set)
    for name in names:
        folders[_strip_tile(name)].add(str(PurePath(name).parent))
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        stem = _strip_tile(name)
        is_number = len(folders[stem]) > MAX_VERSIONS
        groups[stem, str(PurePath(name).parent) if is_number else ""].append(name)
    return list(groups.values())


def _strip_tile(name: str) -> str:
    return TILE_MARK.sub("", parse_stem(name))


def are_tiles(names: Sequence[str]) -> bool:
    """Whether files of one photograph are tiles of it."""
    return len(names) > 1 and all(TILE_MARK.search(PurePath(name).stem) for name in names)


def count_by_folder(names: Iterable[str]) -> str:
    """Counts files by their folder, such as `6 in 'train_LR_bicubic/X2'`."""
    counts = Counter(str(PurePath(name).parent) for name in names)
    listed = [f"{count} in {folder!r}" for folder, count in counts.most_common(MAX_LISTED)]
    return ", ".join(listed) + (" and others" if len(counts) > MAX_LISTED else "")
