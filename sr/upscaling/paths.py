"""Paths of the images to super-resolve and of their results."""

import logging
from pathlib import Path
from typing import NamedTuple

from shared.files import resolve
from shared.images import WRITTEN_SUFFIXES, find_images, format_suffixes

LOSSLESS_SUFFIXES = (".png", ".tif", ".tiff")  # formats that results in a folder keep; the others become PNG

logger = logging.getLogger(__name__)


class Job(NamedTuple):
    """Paths of an image and of its result."""

    source: Path
    target: Path


def plan_jobs(source: Path, target: Path) -> list[Job]:
    """Lists the jobs for IN and OUT, in a fixed order; reads no image.

    Args:
        source: Path of an image, or of a folder, which is searched recursively except for hidden files and folders. A
            warning counts its other files.
        target: Path of an image, or of a folder, which need not exist.

    Raises:
        ValueError: IN and OUT are the same, OUT is inside IN or of the wrong kind, a result would replace an image, or
            there is no image.
    """
    if resolve(source) == resolve(target):
        raise ValueError(f"IN and OUT are both {source}: choose another OUT")
    if not source.is_dir():
        jobs = [Job(source, _choose_target(source, target))]
    else:
        if target.exists() and not target.is_dir():
            raise ValueError(f"IN={source} is a folder, but OUT={target} is a file: choose a folder")
        if resolve(source) in resolve(target).parents:
            raise ValueError(f"OUT={target} is inside IN={source}: results would be read as images; choose another OUT")
        jobs = _plan_folder(source, target)
    sources = {resolve(job.source): job for job in jobs}
    for job in jobs:
        if resolve(job.target) in sources:
            raise ValueError(f"the result of {job.source} would replace the image {job.target}: choose another OUT")
    return jobs


def _choose_target(source: Path, target: Path) -> Path:
    if target.is_dir() or not target.suffix:
        return target / _format_result_name(source)
    if target.suffix.lower() not in WRITTEN_SUFFIXES:
        raise ValueError(f"OUT={target}: the suffix must be one of {', '.join(WRITTEN_SUFFIXES)}, or none for a folder")
    return target


def _plan_folder(source: Path, target: Path) -> list[Job]:
    found = find_images(source)
    if not found.paths:
        raise ValueError(f"no images in IN={source} or its subfolders; expected {format_suffixes()}")
    if found.others:
        logger.warning("IN=%s: %s", source, found.describe_others())
    image_of: dict[Path, Path] = {}  # result -> image; images that keep their names come first
    for image in sorted(found.paths, key=lambda path: (_format_result_name(path) != path.name, path)):
        result = image.with_name(_format_result_name(image))
        if result in image_of:  # such as a.jpg if there is an a.png
            result = image.with_name(f"{image.name}.png")
        if result in image_of:
            raise ValueError(f"{image} and {image_of[result]} would have the same result: rename one of them")
        image_of[result] = image
    result_of = {image: result for result, image in image_of.items()}
    return [Job(image, target / result_of[image].relative_to(source)) for image in found.paths]


def _format_result_name(image: Path) -> str:
    return image.name if image.suffix.lower() in LOSSLESS_SUFFIXES else f"{image.stem}.png"
