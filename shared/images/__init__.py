"""Image files: headers, reading, writing, and transparency where it cannot be kept."""

from shared.images.deep import ALPHA_SUFFIXES, DEEP_SUFFIXES, open_image_writer, read_deep_image
from shared.images.files import IMAGE_SUFFIXES, LOSSLESS_WEBP, check_format, read_image, write_image
from shared.images.transparency import composite_over_gray

__all__ = [
    "ALPHA_SUFFIXES",
    "DEEP_SUFFIXES",
    "IMAGE_SUFFIXES",
    "LOSSLESS_WEBP",
    "check_format",
    "composite_over_gray",
    "open_image_writer",
    "read_deep_image",
    "read_image",
    "write_image",
]
