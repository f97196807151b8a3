"""Headers of image files, read with Pillow without decoding any pixels."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

READERS = (PngImageFile, JpegImageFile, BmpImageFile, TiffImageFile, WebPImageFile)  # registered by their import
FORMATS = tuple(reader.format for reader in READERS)
PNG_HEADER_BYTES = 33  # the signature and the chunk IHDR
PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
PNG_COLOUR_TYPE_OFFSET = 25  # position of the byte with the colour type
PNG_GRAY_TYPES = (0, 4)  # gray, gray and alpha

_pillow_lock = threading.Lock()


@dataclass(frozen=True)
class ImageHeader:
    """Header of an image file.

    Attributes:
        format: One of `FORMATS`.
        size: Height and width in pixels, before the orientation is applied; None if Pillow cannot read the header,
            although OpenCV may be able to decode the file.
        is_gray: Whether a PNG is gray, with or without alpha; False for other formats.
        orientation: EXIF orientation, 1..8; other values mean 1.
        photometric: Colour space of a TIFF, a code of TIFF 6.0; None for other formats and for BigTIFF.
        samples: Number of channels of a TIFF.
    """

    format: str
    size: tuple[int, int] | None = None
    is_gray: bool = False
    orientation: int = 1
    photometric: int | None = None
    samples: int = 1


def read_header(data: bytes) -> ImageHeader | None:
    """Reads the header of an image file.

    Args:
        data: Content of the whole file; its first bytes decide the format.

    Returns:
        The header, or None if the file has none of the `FORMATS`.
    """
    name = next((name for name in FORMATS if _has_format(name, data)), None)
    if name is None:
        return None
    try:
        with _quiet_unlimited_pillow():
            if name == "PNG":
                return _read_png(data)
            return _read_tiff(data) if name == "TIFF" else _read_image(name, data)
    except Exception:  # damaged headers raise errors of any kind
        return ImageHeader(name)


def check_pixels(size: tuple[int, int], max_pixels: int, path: str | Path) -> None:
    """Refuses an image that is too large.

    Args:
        size: Height and width in pixels.
        max_pixels: Largest accepted number of pixels.
        path: Path of the image, for the error message.

    Raises:
        ValueError: The image has more pixels.
    """
    height, width = size
    if height * width > max_pixels:
        raise ValueError(
            f"{str(path)!r} is an image of {width}x{height} pixels, more than {max_pixels / 1e6:g} megapixels"
        )


def _has_format(name: str, data: bytes) -> bool:
    accepts = Image.OPEN[name][1]
    return accepts is not None and bool(accepts(data[:16]))


@contextmanager
def _quiet_unlimited_pillow() -> Iterator[None]:
    """Lifts Pillow's limit on pixels, since callers have their own, and silences its warnings about damaged metadata.

    Both settings are global to the process, so only one thread at a time may change them, and only briefly.
    """
    with _pillow_lock, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _read_image(name: str, data: bytes) -> ImageHeader:
    with Image.open(io.BytesIO(data), formats=[name]) as image:
        width, height = image.size
        return ImageHeader(name, (height, width), orientation=_read_orientation(image.info.get("exif", b"")))


def _read_png(data: bytes) -> ImageHeader:
    # Pillow refuses wrong checksums and long texts, which do not matter here, so it gets only the first chunk
    with Image.open(io.BytesIO(data[:PNG_HEADER_BYTES] + PNG_END), formats=["PNG"]) as image:
        width, height = image.size
    return ImageHeader(
        "PNG",
        (height, width),
        is_gray=data[PNG_COLOUR_TYPE_OFFSET] in PNG_GRAY_TYPES,  # Pillow reports 16-bit gray and alpha as RGBA
        orientation=_read_orientation(_find_png_exif(data)),
    )


def _find_png_exif(data: bytes) -> bytes:
    """Finds the EXIF chunk, which Pillow finds only by decoding the pixels if it follows them."""
    start = data.find(b"eXIf")
    if start < 0:
        return b""
    length = int.from_bytes(data[start - 4 : start], "big")
    return data[start + 4 : start + 4 + length]


def _read_orientation(exif: bytes) -> int:
    directory = Image.Exif()
    try:
        directory.load(exif)
    except Exception:  # an image with damaged metadata is still an image
        return 1
    return _read_integer(directory, ExifTags.Base.Orientation) or 1


def _read_tiff(data: bytes) -> ImageHeader:
    """Reads only the first directory, since Pillow opens fewer kinds of TIFF than OpenCV decodes.

    BigTIFF, whose header is longer, is an error.
    """
    directory = Image.Exif()
    directory.load_from_fp(io.BytesIO(data))
    samples_tag = ExifTags.Base.SamplesPerPixel
    if not any(tag >= samples_tag for tag in directory):  # tags are sorted, and Pillow stops at a damaged one
        raise ValueError("the number of channels is unknown")
    height, width = (_read_integer(directory, tag) for tag in (ExifTags.Base.ImageLength, ExifTags.Base.ImageWidth))
    return ImageHeader(
        "TIFF",
        (height, width) if height and width else None,
        orientation=_read_integer(directory, ExifTags.Base.Orientation) or 1,
        photometric=_read_integer(directory, ExifTags.Base.PhotometricInterpretation),
        samples=_read_integer(directory, samples_tag) or 1,
    )


def _read_integer(directory: Image.Exif, tag: int) -> int | None:
    """Reads the first value of a tag; None if the tag is missing or not an integer."""
    value = directory.get(tag)
    if isinstance(value, tuple) and value:
        value = value[0]
    return value if isinstance(value, int) else None
