"""Headers of image files as Pillow reads them; no pixel is decoded."""

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
PNG_START = 33  # bytes of the signature and the chunk IHDR
PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
PNG_COLOUR_TYPE, GRAY, GRAY_AND_ALPHA = 25, 0, 4  # the place of a byte and two of its values

_pillow_lock = threading.Lock()


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image file says.

    Attributes:
        format: one of `FORMATS`.
        size: height and width in pixels, before an orientation is applied; None where Pillow cannot read the header,
            although OpenCV may be able to decode the file.
        is_gray: whether a PNG holds gray, with or without alpha; False for other formats.
        orientation: EXIF orientation 1..8; other numbers mean 1.
        photometric: colour space of a TIFF by the number of TIFF 6.0; None for other formats and for BigTIFF.
        samples: number of channels of a TIFF.
    """

    format: str
    size: tuple[int, int] | None = None
    is_gray: bool = False
    orientation: int = 1
    photometric: int | None = None
    samples: int = 1


def read_header(data: bytes) -> ImageHeader | None:
    """Reads the header of a file; None if it is of none of the `FORMATS`.

    Args:
        data: the whole file. The first bytes decide the format.
    """
    name = next((name for name in FORMATS if _begins_as(name, data)), None)
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
        size: height and width.
        max_pixels: largest number of pixels that is accepted.
        path: named in the error.

    Raises:
        ValueError: in one sentence.
    """
    height, width = size
    if height * width > max_pixels:
        raise ValueError(
            f"{str(path)!r} is an image of {width}x{height} pixels, more than {max_pixels / 1e6:g} megapixels"
        )


def _begins_as(name: str, data: bytes) -> bool:
    accepts = Image.OPEN[name][1]
    return accepts is not None and bool(accepts(data[:16]))


@contextmanager
def _quiet_unlimited_pillow() -> Iterator[None]:
    """Lifts Pillow's limit on pixels, since callers have their own, and silences its warnings of damaged metadata.

    Both are settings of the whole process: they change for the moment that a header takes, in one thread at a time.
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
        return ImageHeader(name, (height, width), orientation=_exif_orientation(image.info.get("exif", b"")))


def _read_png(data: bytes) -> ImageHeader:
    # Pillow refuses a PNG for wrong checksums and long texts that do not matter here: it gets the first chunk alone.
    with Image.open(io.BytesIO(data[:PNG_START] + PNG_END), formats=["PNG"]) as image:
        width, height = image.size
    return ImageHeader(
        "PNG",
        (height, width),
        is_gray=data[PNG_COLOUR_TYPE] in (GRAY, GRAY_AND_ALPHA),  # to Pillow 16-bit gray and alpha is RGBA
        orientation=_exif_orientation(_png_exif(data)),
    )


def _png_exif(data: bytes) -> bytes:
    """Finds the EXIF chunk, which may follow the pixels, where Pillow finds it only by decoding them."""
    name = data.find(b"eXIf")
    if name < 0:
        return b""
    length = int.from_bytes(data[name - 4 : name], "big")
    return data[name + 4 : name + 4 + length]


def _exif_orientation(exif: bytes) -> int:
    directory = Image.Exif()
    try:
        directory.load(exif)
    except Exception:  # damaged metadata make no damaged image
        return 1
    return _integer(directory, ExifTags.Base.Orientation) or 1


def _read_tiff(data: bytes) -> ImageHeader:
    """Reads the first directory alone, since Pillow opens fewer kinds of TIFF than OpenCV decodes.

    BigTIFF is an error, since its header is longer.
    """
    directory = Image.Exif()
    directory.load_from_fp(io.BytesIO(data))
    samples_tag = ExifTags.Base.SamplesPerPixel
    if not any(tag >= samples_tag for tag in directory):  # Pillow has stopped at a damaged tag, and tags are sorted
        raise ValueError("the number of channels is unknown")
    height, width = (_integer(directory, tag) for tag in (ExifTags.Base.ImageLength, ExifTags.Base.ImageWidth))
    return ImageHeader(
        "TIFF",
        (height, width) if height and width else None,
        orientation=_integer(directory, ExifTags.Base.Orientation) or 1,
        photometric=_integer(directory, ExifTags.Base.PhotometricInterpretation),
        samples=_integer(directory, samples_tag) or 1,
    )


def _integer(directory: Image.Exif, tag: int) -> int | None:
    """First value of a tag; None if there is none or it is no integer."""
    value = directory.get(tag)
    if isinstance(value, tuple) and value:
        value = value[0]
    return value if isinstance(value, int) else None
