"""Which images are read, and where their results go."""

import os
from pathlib import Path
from typing import NamedTuple

from shared.images import IMAGE_SUFFIXES

KEEPS_EVERYTHING = (".png", ".tif", ".tiff")  # formats that a result in a folder keeps; any other becomes PNG


class Job(NamedTuple):
    """An image and where its result goes."""

    source: Path
    target: Path


def plan(source: Path, target: Path) -> list[Job]:
    """The jobs of IN and OUT, in a fixed order; looks at names alone.

    Args:
        source: an image, or a folder that is searched recursively but for hidden files and folders.
        target: an image, or a folder, made later where it is missing.

    Raises:
        ValueError: IN and OUT are the same or inside each other, there is no image, or OUT is of the wrong kind.
    """
    if source.resolve() == target.resolve():
        raise ValueError(f"IN and OUT are both {source}: give another OUT")
    if not source.is_dir():
        jobs = [Job(source, _target_of_file(source, target))]
    else:
        if target.exists() and not target.is_dir():
            raise ValueError(f"IN={source} is a folder, but OUT={target} is a file: give a folder")
        if source.resolve() in target.resolve().parents:
            raise ValueError(f"OUT={target} is inside IN={source}: results would be read as images; give another OUT")
        jobs = _jobs_of_folder(source, target)
    sources = {job.source.resolve(): job for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise ValueError(f"the result of {job.source} would replace the image {job.target}: give another OUT")
    return jobs


def _target_of_file(source: Path, target: Path) -> Path:
    if target.is_dir() or not target.suffix:
        return target / _result_name(source)
    if target.suffix.lower() not in IMAGE_SUFFIXES:
        raise ValueError(f"OUT={target}: the suffix must be one of {', '.join(IMAGE_SUFFIXES)}, or none for a folder")
    return target


def _jobs_of_folder(source: Path, target: Path) -> list[Job]:
    images = list(_images(source))
    if not images:
        raise ValueError(f"no images in IN={source}; expected {', '.join(IMAGE_SUFFIXES)}, also in its subfolders")
    kept = {image for image in images if _result_name(image) == image.name}
    targets: dict[Path, Path] = {}
    for image in sorted(images, key=lambda one: (one not in kept, one)):
        result = image.with_name(_result_name(image))
        if result in targets:  # such as a.jpg beside a.png
            result = image.with_name(f"{image.name}.png")
        if result in targets:
            raise ValueError(f"{image} and {targets[result]} would have the same result: rename one")
        targets[result] = image
    by_image = {image: result for result, image in targets.items()}
    return [Job(image, target / by_image[image].relative_to(source)) for image in images]


def _result_name(image: Path) -> str:
    return image.name if image.suffix.lower() in KEEPS_EVERYTHING else f"{image.stem}.png"


def _images(root: Path) -> list[Path]:
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [
            Path(folder, name)
            for name in sorted(names)
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")
        ]
    return found
