"""One command of `sr.upscale`: reads images, writes the results, and reports what was not done."""

import errno
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.command import is_out_of_memory
from shared.devices import select_device
from shared.encoders import MIN_IMAGE_SIDE
from shared.files import escape_unprintable
from shared.images import (
    ImageMetadata,
    check_format,
    decode_deep_image,
    open_image_writer,
    read_deep_image,
    read_file,
)
from shared.progress_bar import ProgressBar
from shared.readings import PhotographReader, open_shipped
from sr.model import SRModel
from sr.model_artefact import load_model
from sr.upscaling.config import UpscaleConfig
from sr.upscaling.paths import Job, plan_jobs
from sr.upscaling.source_images import convert_for_target, is_of_one_colour, read_kept_metadata, to_rgb8, to_tensor
from sr.upscaling.steering import (
    check_steering,
    describe_parameters,
    find_untrained,
    is_parametric,
    load_trained_space,
)
from sr.upscaling.tiled import Upscaling
from sr.upscaling.tiles import Tiling

DONE, SOME_FAILED, SOME_KEPT = 0, 1, 3
MIN_BAR_TILES = 5  # images of fewer tiles are done before a progress bar can be read
FATAL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # no other result can be written either

logger = logging.getLogger(__name__)


class CannotWriteError(ValueError):
    """A result cannot be written; `errno` is the reason."""

    def __init__(self, target: Path, error: OSError) -> None:
        super().__init__(f"cannot write {target}: {error.strerror or error}")
        self.errno = error.errno


def run(config: UpscaleConfig, source: Path, target: Path, model: Path) -> int:
    """Super-resolves all images and returns the exit status.

    Args:
        config: The checked options.
        source: Path of an image or a folder.
        target: Path of an image or a folder.
        model: Path of a run or a model's folder.

    Raises:
        ValueError, OSError: Nothing can be done, or nothing more, since the disk is full; the message is one sentence.
    """
    Tiling(config.tile, config.overlap).check()
    jobs = plan_jobs(source, target)
    pending = [job for job in jobs if config.overwrite or not job.target.exists()]
    kept, done = len(jobs) - len(pending), 0
    failed: list[str] = []
    worker = Worker(config, model) if pending else None
    try:
        for job in ProgressBar(pending, desc="upscale", unit="image", disable=len(pending) == 1):
            assert worker is not None
            try:
                if job.target.exists() and not config.overwrite:
                    raise FileExistsError  # another process has made it meanwhile
                report = worker.upscale(job)
            except FileExistsError:
                kept += 1
            except CannotWriteError as error:
                if error.errno in FATAL_ERRNOS:
                    raise ValueError(f"{error}; {done} of {len(pending)} images are done") from error
                failed.append(str(error))
            except (ValueError, OSError, MemoryError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not is_out_of_memory(error):
                    raise
                failed.append(_describe_failure(job, error))
            else:
                done += 1
                ProgressBar.write(escape_unprintable(report))
        if len(jobs) > 1 or kept:
            _print_summary(done, kept, target)
    finally:
        for sentence in failed:
            print(escape_unprintable(f"failed: {sentence}"), file=sys.stderr)
    return SOME_FAILED if failed else SOME_KEPT if kept else DONE


class Worker:
    """A model that super-resolves one image after the other.

    Args:
        config: The options.
        model_path: Path of a run or a model's folder.

    Raises:
        ValueError, OSError: The model or the reference cannot be used, or the parameters that are given do not fit it.
    """

    def __init__(self, config: UpscaleConfig, model_path: Path) -> None:
        self._config = config
        self._device = select_device(config.accelerator)
        self._max_pixels = round(config.max_megapixels * 1e6)
        self._tiling = Tiling(config.tile, config.overlap)
        model = load_model(model_path)
        try:
            check_steering(model, config, has_reference=bool(config.reference))
        except ValueError as error:
            raise ValueError(f"MODEL={model_path}: {error}") from error
        _warn_of_untrained(config, model_path)
        self._model = model.to(self._device).to(memory_format=torch.channels_last)  # a third faster on a CPU
        self._reference = self._read_reference(model_path) if config.reference else None
        self._reader = _open_reader(self._model, self._device) if config.estimate else None
        if self._reader is not None and self._reference is not None:
            print(escape_unprintable(f"{config.reference}: {self._reader.read(to_rgb8(self._reference)).verdict}"))
        if self._reference is not None and is_of_one_colour(self._reference):
            logger.warning(
                "reference=%s is of one colour: no degradation shows in it, so the model guesses", config.reference
            )

    def _read_reference(self, model_path: Path) -> Tensor:
        path = self._config.reference
        if not self._model.reads_images:
            raise ValueError(f"reference={path}: MODEL={model_path} does not estimate a degradation; remove reference")
        pixels = read_deep_image(path, self._max_pixels)
        height, width = pixels.shape[:2]
        if min(height, width) < MIN_IMAGE_SIDE:
            raise ValueError(
                f"reference={path} has {width}x{height} pixels, but each side needs at least {MIN_IMAGE_SIDE}"
            )
        return to_tensor(pixels)

    def upscale(self, job: Job) -> str:
        """Super-resolves one image and returns a line that reports it.

        Raises:
            FileExistsError: Another process has written the result meanwhile.
            CannotWriteError: The result cannot be written.
            ValueError, OSError, MemoryError: The image cannot be used.
        """
        config, scale = self._config, self._model.scale
        data = read_file(job.source, self._max_pixels)
        pixels = decode_deep_image(data, job.source, self._max_pixels)
        height, width = pixels.shape[:2]
        check_format(job.target, scale * height, scale * width)
        pixels, dtype = convert_for_target(pixels, job)
        image = to_tensor(pixels)
        try:
            upscaling = Upscaling(
                self._model,
                image,
                tiling=self._tiling,
                ensemble=config.ensemble,
                reference=self._reference,
                steering=config,
                bf16=config.precision == "bf16",
            )
        except ValueError as error:
            raise ValueError(f"{job.source}: {error}") from error
        words = self._describe(job, image, upscaling.parameters)
        metadata = read_kept_metadata(data, job, is_gray=upscaling.channels < 3)
        try:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            self._write(upscaling, job.target, dtype, metadata)
        except OSError as error:
            if isinstance(error, FileExistsError) and job.target.exists():
                raise
            raise CannotWriteError(job.target, error) from error
        finally:
            self._tiling = upscaling.tiling  # the next image starts with tiles as small as this one needed
        return f"{job.source} -> {job.target}, {width}x{height} -> {scale * width}x{scale * height}{words}"

    def _describe(self, job: Job, image: Tensor, parameters: Tensor | None) -> str:
        """Describes what is read from an image, and what steers the model; warns if there is nothing to read."""
        is_read = self._model.reads_images and self._reference is None and not self._config.replaces_all
        if is_read and is_of_one_colour(image):
            logger.warning("%s is of one colour: no degradation shows in it, so the model guesses", job.source)
        if self._reader is None:
            return ""
        words = f"; {self._reader.read(to_rgb8(image)).verdict}"
        return words if parameters is None else f"{words}; steered by {describe_parameters(parameters, self._config)}"

    def _write(self, upscaling: Upscaling, target: Path, dtype: np.dtype, metadata: ImageMetadata) -> None:
        scale = self._model.scale
        width = scale * upscaling.width
        is_short = upscaling.tiles < MIN_BAR_TILES
        bar = ProgressBar(total=upscaling.tiles, unit="tile", desc=target.name, leave=False, disable=is_short)
        options: dict[str, Any] = {"replace": self._config.overwrite, "metadata": metadata}
        size: dict[str, Any] = {"height": scale * upscaling.height, "width": width, "channels": upscaling.channels}
        with bar, open_image_writer(target, **size, dtype=dtype, **options) as write:
            for band in assemble_bands(upscaling, width, dtype, bar):
                write(band)


def assemble_bands(upscaling: Upscaling, width: int, dtype: np.dtype, bar: ProgressBar) -> Iterator[np.ndarray]:
    """Computes the result in bands (n, width, C) of uint8 or uint16, from top to bottom.

    Args:
        upscaling: The image to super-resolve.
        width: Width of the result in pixels.
        dtype: Type of the result.
        bar: Progress bar that counts the tiles.
    """
    largest = np.iinfo(dtype).max
    band = np.empty((0, 0, 0), dtype)
    for _, left, part in upscaling.rectangles():
        channels, rows, columns = part.shape
        if left == 0:
            band = np.empty((rows, width, channels), dtype)
        band[:, left : left + columns] = part.mul_(largest).round_().permute(1, 2, 0).numpy().astype(dtype)
        bar.update()
        if left + columns == width:
            yield band


def _warn_of_untrained(config: UpscaleConfig, model_path: Path) -> None:
    """Warns of parameters that are outside the range of the model's training, if the degradation space can be read."""
    if not config.given:
        return
    try:
        space = load_trained_space(model_path)
    except (ValueError, OSError):
        return
    for sentence in find_untrained(config, space):
        logger.warning("%s", sentence)


def _open_reader(model: SRModel, device: torch.device) -> PhotographReader:
    """Opens the reader of photographs, and says in which units it and the model speak."""
    steered = "; what steers the model, blur in pixels of the result" if is_parametric(model) else ""
    print(f"what is read from each image, blur in its own pixels, noise in 8-bit levels{steered}:")
    return open_shipped(device)


def _describe_failure(job: Job, error: BaseException) -> str:
    """Describes an error in a sentence that names the image."""
    if isinstance(error, RuntimeError):
        return f"{job.source}: too little memory for a tile; choose a smaller tile="
    if isinstance(error, MemoryError):
        return f"{job.source}: too little memory for the result as {job.target.suffix}; use .png"
    sentence = " ".join(str(error).split())
    return sentence if str(job.source) in sentence else f"{job.source}: {sentence}"


def _print_summary(done: int, kept: int, target: Path) -> None:
    suffix = f", {kept} existed already and were kept (overwrite=true replaces them)" if kept else ""
    print(escape_unprintable(f"{done} done{suffix}: {target}"))
