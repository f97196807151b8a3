"""One command of `sr.upscale`: images in, files out, what was not done at the end."""

import errno
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from shared.command import is_out_of_memory
from shared.devices import select_device
from shared.encoders import MIN_IMAGE_SIDE
from shared.images import (
    ALPHA_SUFFIXES,
    DEEP_SUFFIXES,
    check_format,
    composite_over_gray,
    open_image_writer,
    read_deep_image,
)
from sr.model import SRModel, load_model
from sr.upscaling.config import UpscaleConfig
from sr.upscaling.estimate import Estimator, open_estimator
from sr.upscaling.paths import Job, plan
from sr.upscaling.tiled import Upscaling, check_tiling
from sr.upscaling.tiles import Tiling

DONE, SOME_FAILED, SOME_KEPT = 0, 1, 3
BAR_THRESHOLD = 5  # tiles; fewer are done before a progress bar can be read
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # nothing else can be written either

logger = logging.getLogger(__name__)


class CannotWriteError(ValueError):
    """A result cannot be written; `errno` says why."""

    def __init__(self, target: Path, error: OSError) -> None:
        super().__init__(f"cannot write {target}: {error.strerror or error}")
        self.errno = error.errno


def run(config: UpscaleConfig, source: Path, target: Path, model: Path) -> int:
    """Super-resolves everything; returns the exit status.

    Args:
        config: The checked options.
        source: An image or a folder.
        target: An image or a folder.
        model: A run or an artefact.

    Raises:
        ValueError, OSError: nothing can be done, in one sentence, or nothing more since the disk is full.
    """
    check_tiling(config.tile, config.overlap)
    jobs = plan(source, target)
    wanted = [job for job in jobs if config.overwrite or not job.target.exists()]
    kept, done = len(jobs) - len(wanted), 0
    failed: list[str] = []
    worker = Worker(config, model) if wanted else None
    try:
        for job in tqdm(wanted, unit="image", disable=None if len(wanted) > 1 else True, dynamic_ncols=True):
            assert worker is not None
            try:
                tqdm.write(worker.upscale(job))
                done += 1
            except CannotWriteError as error:
                if error.errno in NO_ROOM:
                    raise ValueError(f"{error}; {done} of {len(wanted)} images are done") from error
                failed.append(str(error))
            except (ValueError, OSError, MemoryError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not is_out_of_memory(error):
                    raise
                failed.append(_named(job, error))
        if len(jobs) > 1 or kept:
            _print_summary(done, kept, target)
    finally:
        for sentence in failed:
            print(f"failed: {sentence}", file=sys.stderr)
    return SOME_FAILED if failed else SOME_KEPT if kept else DONE


class Worker:
    """A model ready to work on one image after the other.

    Args:
        config: The options.
        model_path: A run or an artefact.

    Raises:
        ValueError, OSError: the model or the reference cannot be used.
    """

    def __init__(self, config: UpscaleConfig, model_path: Path) -> None:
        self._config = config
        self._device = select_device(config.accelerator)
        self._most_pixels = round(config.max_megapixels * 1e6)
        self._tiling = Tiling(config.tile, config.overlap)
        model = load_model(model_path)
        if model.needs_parameters:
            raise ValueError(
                f"MODEL={model_path} is an oracle: it needs the true parameters of a degradation, which nobody "
                "knows of these images; take a model of another conditioning"
            )
        self._model = model.to(self._device).to(memory_format=torch.channels_last)  # a third faster on a CPU
        self._reference = self._read_reference(model_path) if config.reference else None
        self._estimator = _open_estimator(self._model, model_path, config)
        if self._estimator is not None and self._reference is not None:
            print(f"{config.reference}: {self._estimator.words(self._reference)}")

    def _read_reference(self, model_path: Path) -> Tensor:
        path = self._config.reference
        if not self._model.reads_images:
            raise ValueError(f"reference={path}: MODEL={model_path} does not estimate a degradation; remove reference")
        pixels = read_deep_image(path, self._most_pixels)
        height, width = pixels.shape[:2]
        if min(height, width) < MIN_IMAGE_SIDE:
            raise ValueError(f"reference={path} has {width}x{height} pixels, each side needs {MIN_IMAGE_SIDE}")
        return _tensor_of(pixels)

    def upscale(self, job: Job) -> str:
        """Does one image; returns what there is to say.

        Raises:
            CannotWriteError: the result.
            ValueError, OSError, MemoryError: the image cannot be used.
        """
        config, scale = self._config, self._model.scale
        pixels = read_deep_image(job.source, self._most_pixels)
        height, width = pixels.shape[:2]
        check_format(job.target, scale * height, scale * width)
        pixels, dtype = _convert_for_target(pixels, job)
        image = _tensor_of(pixels)
        try:
            upscaling = Upscaling(
                self._model, image, tiling=self._tiling, ensemble=config.ensemble, reference=self._reference,
                bf16=config.precision == "bf16",
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(f"{job.source}: {error}") from error
        words = ""
        if self._estimator is not None and self._reference is None:
            words = f"; {self._estimator.words(image)}"
        try:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            self._write(upscaling, job.target, dtype)
        except OSError as error:
            raise CannotWriteError(job.target, error) from error
        finally:
            self._tiling = upscaling.tiling  # as small as was needed, for the next image too
        return f"{job.source} -> {job.target}, {width}x{height} -> {scale * width}x{scale * height}{words}"

    def _write(self, upscaling: Upscaling, target: Path, dtype: np.dtype) -> None:
        scale = self._model.scale
        height, width = scale * upscaling.height, scale * upscaling.width
        channels = upscaling.channels
        bar = tqdm(
            total=upscaling.tiles, unit="tile", desc=target.name, leave=False, dynamic_ncols=True,
            disable=None if upscaling.tiles >= BAR_THRESHOLD else True,
        )  # fmt: skip
        with bar, open_image_writer(target, height=height, width=width, channels=channels, dtype=dtype) as write:
            for band in bands(upscaling, width, dtype, bar):
                write(band)


def bands(upscaling: Upscaling, width: int, dtype: np.dtype, bar: tqdm) -> Iterator[np.ndarray]:
    """The result in stripes (n, width, C) of uint8 or uint16, from top to bottom."""
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


def _convert_for_target(pixels: np.ndarray, job: Job) -> tuple[np.ndarray, np.dtype]:
    """Removes what the format of the result cannot hold; returns the image and the type of the result."""
    suffix, dtype = job.target.suffix.lower(), pixels.dtype
    if pixels.shape[2] in (2, 4) and suffix not in ALPHA_SUFFIXES:
        logger.warning("%s: %s holds no transparency, it is laid over mid-gray", job.source, suffix)
        pixels = composite_over_gray(pixels[..., :-1], pixels[..., -1:])
    if dtype == np.uint16 and suffix not in DEEP_SUFFIXES:
        logger.warning("%s has 16 bits a channel, %s holds 8: use .png or .tif to keep them", job.source, suffix)
        dtype = np.dtype(np.uint8)
    return pixels, dtype


def _tensor_of(pixels: np.ndarray) -> Tensor:
    """(H, W, C) -> (C, H, W), the same numbers."""
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _open_estimator(model: SRModel, model_path: Path, config: UpscaleConfig) -> Estimator | None:
    """What tells degradations in words; None, and why is printed, where there is nothing to tell."""
    if not config.estimate:
        return None
    try:
        estimator = open_estimator(model, model_path, Path(config.cache_dir).expanduser())
    except ValueError as error:
        print(f"no degradation is estimated: {error}")
        return None
    print(estimator.described())
    return estimator


def _named(job: Job, error: BaseException) -> str:
    """A sentence that names the image."""
    if isinstance(error, RuntimeError):
        return f"{job.source}: the memory is too small for a tile: give a smaller tile="
    if isinstance(error, MemoryError):
        return f"{job.source}: the memory is too small for the result as {job.target.suffix}; use .png"
    sentence = " ".join(str(error).split())
    return sentence if str(job.source) in sentence else f"{job.source}: {sentence}"


def _print_summary(done: int, kept: int, target: Path) -> None:
    kept_words = f", {kept} kept that were there already (overwrite=true replaces them)" if kept else ""
    print(f"{done} done{kept_words}: {target}")
