"""The data sets of an evaluation, each a folder of images that have been checked."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from shared.data import fingerprint
from shared.images import IMAGE_SUFFIXES, read_image

MAX_PIXELS = 100_000_000  # larger images are refused before they are decoded
HR_FOLDER = "HR"  # folder of the HR images in the layout that the code of EDSR and DASR reads


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
        pixels = torch.from_numpy(read_image(self.paths[index], MAX_PIXELS))  # (H, W, 3)
        return pixels.permute(2, 0, 1)[None].float().div(255)

    def hr_image(self, index: int, scale: int) -> Tensor:
        """Reads an image and crops its sides to multiples of the scale, at the right and at the bottom."""
        image = self.image(index)
        height, width = (side // scale * scale for side in image.shape[-2:])
        return image[..., :height, :width].contiguous()


def open_benchmarks(root: str, names: list[str], min_side: int, *, leave_out: bool = False) -> list[Benchmark]:
    """Opens the data sets of a folder.

    Args:
        root: Path of the folder that holds the images of each data set in `<name>/` or `<name>/HR/`.
        names: Names of the data sets; empty = all.
        min_side: Smallest valid side of an image in pixels.
        leave_out: Whether images that cannot be used are left out instead of refused; only if nothing is averaged.

    Raises:
        ValueError: A folder or a data set is missing, or an image cannot be used; the message names it.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"data.root={root!r} {problem}; expected a folder with one folder of images per data set")
    available = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and _find_images(path))
    if not available:
        problem = "holds images itself: give its parent folder" if _find_images(folder) else "holds no folder of images"
        raise ValueError(f"data.root={root!r} {problem}; expected a folder with one folder of images per data set")
    for name in names:
        if name not in available:
            near = difflib.get_close_matches(name, available, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"data.root={root!r} holds no data set {name!r}{hint} (there are {', '.join(available)})")
    return [_open(folder / name, min_side, leave_out) for name in dict.fromkeys(names or available)]


def _find_images(folder: Path) -> list[Path]:
    """Lists the images of a data set, sorted, except those in subfolders, which usually are LR images."""
    if not folder.is_dir():
        return []
    if (folder / HR_FOLDER).is_dir():
        folder = folder / HR_FOLDER
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith(".") and not path.is_dir()
    )


def _open(folder: Path, min_side: int, leave_out: bool) -> Benchmark:
    """Reads every image once, so that one that cannot be used is refused before hours of work."""
    usable, unusable, fingerprints, digest = [], [], [], hashlib.sha256()
    paths = _find_images(folder)
    for path in paths:
        try:
            pixels = read_image(path, MAX_PIXELS)
        except (ValueError, OSError) as error:
            unusable.append(str(error))
            continue
        height, width = pixels.shape[:2]
        if min(height, width) < min_side:
            unusable.append(f"{str(path)!r} has {width}x{height} pixels, but each side needs at least {min_side}")
            continue
        usable.append(path)
        fingerprints.append(fingerprint(pixels))
        digest.update(f"{path.name} {height} {width} ".encode() + pixels.tobytes())
    if unusable and (not leave_out or not usable):
        raise ValueError(
            f"{len(unusable)} of {len(paths)} images of {folder.name} cannot be used: {'; '.join(unusable)}; fix or "
            "remove them: scores are averaged over the whole data set"
        )
    return Benchmark(folder.name, tuple(usable), digest.hexdigest()[:12], tuple(fingerprints), tuple(unusable))
