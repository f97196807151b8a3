"""The data sets of an evaluation, each a folder of images that have been checked."""

import difflib
import hashlib
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from shared.data import fingerprint
from shared.files import expand_user
from shared.images import are_tiles, find_copies, find_images, group_by_photograph, is_copy_folder, read_image

HR_FOLDER = "HR"  # folder of the HR images in the layout that the code of EDSR and DASR reads
# Names of folders of HR images in other layouts, the uncropped ones first: original and GTmod12 (BasicSR), GT, Set5_HR.
HR_MARKS = tuple(re.compile(mark, re.IGNORECASE) for mark in ("original", "GT", r"GTmod\d+", r".*[_\-]HR"))

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Benchmark:
    """N images of one data set, which are read from disk whenever they are needed.

    Attributes:
        name: Name of the data set.
        paths: Paths of the N images, sorted.
        digest: Hash of their names and pixels.
        fingerprints: Fingerprints of the images, see `shared.data.fingerprints`.
        left_out: A sentence on each image that could not be used.
    """

    name: str
    paths: tuple[Path, ...]
    digest: str
    fingerprints: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def image_names(self) -> tuple[str, ...]:
        """The N file names."""
        return tuple(path.name for path in self.paths)

    def image(self, index: int) -> Tensor:
        """Reads an image as RGB, (1, 3, H, W) in [0, 1]; gray is repeated."""
        pixels = torch.from_numpy(read_image(self.paths[index]))  # (H, W, 3)
        return pixels.permute(2, 0, 1)[None].float().div(255)

    def hr_image(self, index: int, scale: int) -> Tensor:
        """Reads an image and crops its sides to multiples of the scale, at the right and at the bottom."""
        image = self.image(index)
        height, width = (side // scale * scale for side in image.shape[-2:])
        return image[..., :height, :width].contiguous()


def open_benchmarks(root: str, names: list[str], min_side: int, *, leave_out: bool = False) -> list[Benchmark]:
    """Opens the data sets of a folder.

    The images of a data set are those of `<name>/`, or of the one subfolder that holds its HR images in the layouts in
    which data sets are published. LR images beside them are left out with a warning.

    Args:
        root: Path of the folder that holds one folder per data set.
        names: Names of the data sets; empty = all.
        min_side: Smallest valid side of an image in pixels.
        leave_out: Whether images that cannot be used are left out instead of refused; only if nothing is averaged.

    Raises:
        ValueError: A folder or a data set is missing, it is not clear which images are the HR images, or an image
            cannot be used; the message names it.
    """
    folder = expand_user(root, "data.root")
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"data.root={root!r} {problem}; expected a folder with one folder of images per data set")
    sets = {path.name: found for path in sorted(folder.iterdir()) if (found := _find_hr_folders(path))}
    if not sets:
        holds_images = bool(find_images(folder, recursive=False).paths)
        problem = "holds images itself: give its parent folder" if holds_images else "holds no folder of images"
        raise ValueError(f"data.root={root!r} {problem}; expected a folder with one folder of images per data set")
    for name in names:
        if name not in sets:
            near = difflib.get_close_matches(name, sets, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"data.root={root!r} holds no data set {name!r}{hint} (there are {', '.join(sets)})")
    chosen = list(dict.fromkeys(names)) or list(sets)
    low = [name for name in chosen if not names and not leave_out and is_copy_folder(name)]
    if low and len(low) < len(chosen):
        logger.warning("%s: left out %s, which seem to hold LR images; datasets= chooses", folder, ", ".join(low))
        chosen = [name for name in chosen if name not in low]
    return [_open(name, sets[name], min_side, leave_out) for name in chosen]


def _find_hr_folders(folder: Path) -> list[Path]:
    """Finds the folders that may hold the HR images of a data set; none if it holds no images.

    These are the first that exist of: a folder called HR; the folder itself; a folder that is marked as HR in another
    way; a folder of the same name; folders that are not marked as LR.
    """
    if not folder.is_dir() or folder.name.startswith("."):
        return []
    with_images = [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".") and find_images(path, recursive=False).paths
    ]
    choices = (
        [path for path in with_images if path.name == HR_FOLDER],
        [folder] if find_images(folder, recursive=False).paths else [],
        *([path for path in with_images if mark.fullmatch(path.name)] for mark in HR_MARKS),
        [path for path in with_images if path.name == folder.name],
        [path for path in with_images if not is_copy_folder(path.name)],
    )
    return next((found for found in choices if found), [])


def _list_images(name: str, folders: list[Path], *, has_reference: bool) -> list[Path]:
    """Lists the images of a data set, sorted; if they are the references, without copies that are marked as LR."""
    if len(folders) > 1:
        raise ValueError(
            f"the data set {name} holds images in {', '.join(path.name for path in folders)}: move its HR images into "
            f"{folders[0].parent / HR_FOLDER}, so that it is clear which are meant"
        )
    found = find_images(folders[0], recursive=False)
    if found.others:
        logger.warning("%s: %s", folders[0], found.describe_others())
    names = sorted(path.name for path in found.paths)
    if not has_reference:
        return [folders[0] / name for name in names]
    copies = find_copies(names)
    if copies:
        logger.warning("%s: left out %d images that are marked as LR or as results", folders[0], len(copies))
    names = [name for name in names if name not in copies]
    for same in group_by_photograph(names):
        if len(same) > 1 and not are_tiles(same):
            raise ValueError(
                f"{folders[0]} holds {' and '.join(same)}, which seem to be versions of one image: keep only the HR "
                "images, or move them into a folder of their own"
            )
    return [folders[0] / name for name in names]


def _open(name: str, folders: list[Path], min_side: int, leave_out: bool) -> Benchmark:
    """Reads every image once, so that one that cannot be used is refused before hours of work."""
    paths = _list_images(name, folders, has_reference=not leave_out)
    usable, unusable, fingerprints, digest = [], [], [], hashlib.sha256()
    for path in paths:
        try:
            pixels = read_image(path)
        except (ValueError, OSError) as error:
            unusable.append(str(error))
            continue
        height, width = pixels.shape[:2]
        if min(height, width) < min_side:
            unusable.append(f"{str(path)!r} has {width}x{height} pixels, but each side needs at least {min_side}")
            continue
        usable.append(path)
        fingerprints.append(fingerprint(pixels))
        digest.update(os.fsencode(path.name) + f" {height} {width} ".encode() + pixels.tobytes())
    if unusable and (not leave_out or not usable):
        raise ValueError(
            f"{len(unusable)} of {len(paths)} images of {name} cannot be used: {'; '.join(unusable)}; fix or "
            "remove them: scores are averaged over the whole data set"
        )
    return Benchmark(name, tuple(usable), digest.hexdigest()[:12], tuple(fingerprints), tuple(unusable))
