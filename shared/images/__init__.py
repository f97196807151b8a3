"""Image files: read, written, and what is done to whole images."""

from shared.images.deep import read_deep_image, written_image
from shared.images.files import IMAGE_SUFFIXES, check_format, opencv, read_image, write_image

__all__ = [
    "IMAGE_SUFFIXES",
    "check_format",
    "opencv",
    "read_deep_image",
    "read_image",
    "write_image",
    "written_image",
]
