"""The data sets of an evaluation: one folder of images each, all of them usable."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from shared.data import fingerprint
from shared.images import IMAGE_SUFFIXES, read_image

MAX_PIXELS = 100_000_000  # of an image; larger ones are refused before they are decoded
HR_FOLDER = "HR"  # of the layout that EDSR's and DASR's code read


@dataclass(frozen=True)
class Benchmark:
    """N images of one data set, read again whenever they are needed.

    Attributes:
        name: of the data set.
        paths: N files, sorted.
        digest: hash of their names and pixels.
        fingerprints: of each, see `shared.data.fingerprints`.
        left_out: a sentence on each image that could not be used.
    """

    name: str
    paths: tuple[Path, ...]
    digest: str
    fingerprints: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def images(self) -> tuple[str, ...]:
        """N file names."""
        return tuple(path.name for path in self.paths)

    def image(self, index: int) -> Tensor:
        """RGB (1, 3, H, W) in [0, 1]; gray is repeated."""
        pixels = torch.from_numpy(read_image(self.paths[index], MAX_PIXELS))  # (H, W, 3)
        return pixels.permute(2, 0, 1)[None].float().div(255)

    def hr_image(self, index: int, scale: int) -> Tensor:
        """`image`, cropped at the lower right to multiples of the scale."""
        image = self.image(index)
        height, width = (side // scale * scale for side in image.shape[-2:])
        return image[..., :height, :width].contiguous()


def open_benchmarks(root: str, names: list[str], min_side: int, *, leave_out: bool = False) -> list[Benchmark]:
    """Opens the data sets of a folder.

    Args:
        root: path of the folder that holds `<name>/` or `<name>/HR/` with the images.
        names: names of the data sets; none takes all that are there.
        min_side: pixels that the shorter side must have.
        leave_out: whether images that cannot be used are left out instead of refused: without scores, no mean suffers.

    Raises:
        ValueError: a folder or a data set is missing, or an image cannot be used; names them.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"data.root={root!r} {found}; expected a folder that holds one folder of images per data set")
    there = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and _image_files(path))
    if not there:
        held = "holds images itself: give the folder above it" if _image_files(folder) else "holds no folder of images"
        raise ValueError(f"data.root={root!r} {held}; expected one folder of images per data set")
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"data.root={root!r} holds no data set {name!r}{hint} (there are {', '.join(there)})")
    return [_open(folder / name, min_side, leave_out) for name in dict.fromkeys(names or there)]


def _image_files(folder: Path) -> list[Path]:
    """Images of a data set's folder, sorted; not those of its subfolders, which mostly are its LR images."""
    if not folder.is_dir():
        return []
    if (folder / HR_FOLDER).is_dir():
        folder = folder / HR_FOLDER
    return sorted(
        path for path in folder.iterdir()
        if path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith(".") and not path.is_dir()
    )  # fmt: skip


def _open(folder: Path, min_side: int, leave_out: bool) -> Benchmark:
    """Reads every image once: what cannot be used is said before hours of work."""
    usable, unusable, fingerprints, digest = [], [], [], hashlib.sha256()
    paths = _image_files(folder)
    for path in paths:
        try:
            pixels = read_image(path, MAX_PIXELS)
        except (ValueError, OSError) as error:
            unusable.append(str(error))
            continue
        height, width = pixels.shape[:2]
        if min(height, width) < min_side:
            unusable.append(f"{str(path)!r} has {width}x{height} pixels, each side needs {min_side}")
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
