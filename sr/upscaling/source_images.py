"""An image to super-resolve: what the format of its result supports, its metadata, and whether it shows anything."""

import logging

import numpy as np
import torch
from torch import Tensor

from shared.images import (
    ALPHA_SUFFIXES,
    DEEP_SUFFIXES,
    ImageMetadata,
    composite_over_gray,
    fill_hidden_colours,
    fit_to_format,
    read_metadata,
)
from sr.upscaling.paths import Job
from sr.upscaling.tiled import drop_alpha

logger = logging.getLogger(__name__)


def convert_for_target(pixels: np.ndarray, job: Job) -> tuple[np.ndarray, np.dtype]:
    """Removes what the format of the result does not support, and the colours of hidden pixels.

    Args:
        pixels: The image, (H, W, C).
        job: Paths of the image and of its result.

    Returns:
        The image, and the type of the result.
    """
    suffix, dtype = job.target.suffix.lower(), pixels.dtype
    if pixels.shape[2] in (2, 4) and suffix not in ALPHA_SUFFIXES:
        logger.warning(
            "%s: %s does not support transparency; the image is composited over mid-gray", job.source, suffix
        )
        pixels = composite_over_gray(pixels[..., :-1], pixels[..., -1:])
    if dtype == np.uint16 and suffix not in DEEP_SUFFIXES:
        logger.warning(
            "%s has 16 bits per channel, but %s supports only 8; use .png or .tif to keep them", job.source, suffix
        )
        dtype = np.dtype(np.uint8)
    if pixels.shape[2] in (2, 4):
        pixels = fill_hidden_colours(pixels)
    return pixels, dtype


def read_kept_metadata(data: bytes, job: Job, *, is_gray: bool) -> ImageMetadata:
    """Reads the metadata that a result keeps; warns of those that it does not.

    Args:
        data: Content of the image's file.
        job: Paths of the image and of its result.
        is_gray: Whether the result is gray.
    """
    suffix = job.target.suffix.lower()
    kept, dropped = fit_to_format(read_metadata(data), suffix, is_gray=is_gray)
    if dropped:
        kind = "a gray" if is_gray else "an RGB"
        logger.warning("%s: %s image as %s drops %s", job.source, kind, suffix, ", ".join(dropped))
    return kept


def to_tensor(pixels: np.ndarray) -> Tensor:
    """Converts an image (H, W, C) to (C, H, W) of the same values."""
    return torch.from_numpy(pixels).permute(2, 0, 1)


def to_rgb8(image: Tensor) -> Tensor:
    """Converts an image (C, h, w), gray or RGB, of 8 or 16 bits, with or without alpha, to (3, h, w) uint8."""
    colours = drop_alpha(image)
    if colours.dtype != torch.uint8:
        colours = (colours.int() + 128).div(257, rounding_mode="floor").to(torch.uint8)
    return colours.expand(3, -1, -1)


def is_of_one_colour(image: Tensor) -> bool:
    """Whether all pixels of an image (C, h, w) have one colour, whatever their alpha."""
    pixels = drop_alpha(image).flatten(1).numpy()
    return bool((pixels.min(1) == pixels.max(1)).all())
