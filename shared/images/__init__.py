"""Image files (headers, reading, writing), transparency, windows, up-sampling, and the symmetries of the square."""

from shared.images.bicubic import upsample_bicubic
from shared.images.deep import ALPHA_SUFFIXES, DEEP_SUFFIXES, decode_deep_image, open_image_writer, read_deep_image
from shared.images.files import (
    LOSSLESS_WEBP,
    MAX_PIXELS,
    WRITTEN_SUFFIXES,
    check_format,
    format_suffixes,
    read_file,
    read_image,
    write_image,
)
from shared.images.folders import (
    FoundImages,
    are_tiles,
    count_by_folder,
    find_copies,
    find_images,
    group_by_photograph,
    is_copy_folder,
)
from shared.images.header import IMAGE_SUFFIXES, check_pixels, read_header
from shared.images.metadata import ImageMetadata, fit_to_format, read_metadata
from shared.images.symmetries import SYMMETRIES, TRANSPOSE, dihedral, dihedral_window, inverse_element
from shared.images.transparency import composite_over_gray, fill_hidden_colours
from shared.images.windows import (
    CANDIDATES,
    Window,
    choose_textured,
    cut_textured_windows,
    list_candidates,
    spread_windows,
)

__all__ = [
    "ALPHA_SUFFIXES",
    "CANDIDATES",
    "DEEP_SUFFIXES",
    "IMAGE_SUFFIXES",
    "LOSSLESS_WEBP",
    "MAX_PIXELS",
    "SYMMETRIES",
    "TRANSPOSE",
    "WRITTEN_SUFFIXES",
    "FoundImages",
    "ImageMetadata",
    "Window",
    "are_tiles",
    "check_format",
    "check_pixels",
    "choose_textured",
    "composite_over_gray",
    "count_by_folder",
    "cut_textured_windows",
    "decode_deep_image",
    "dihedral",
    "dihedral_window",
    "fill_hidden_colours",
    "find_copies",
    "find_images",
    "fit_to_format",
    "format_suffixes",
    "group_by_photograph",
    "inverse_element",
    "is_copy_folder",
    "list_candidates",
    "open_image_writer",
    "read_deep_image",
    "read_file",
    "read_header",
    "read_image",
    "read_metadata",
    "spread_windows",
    "upsample_bicubic",
    "write_image",
]
