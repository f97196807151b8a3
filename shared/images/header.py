"""Headers of image files, read with Pillow without decoding any pixels."""

import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import ExifTags, Image

from shared.images.tiff_header import UNREADABLE, read_tiff_header

SUFFIXES = {  # of each format that can be read, by Pillow's name
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "JPEG2000": (".jp2",),
    "AVIF": (".avif",),
}
Image.init()  # registers all readers
FORMATS = tuple(name for name in SUFFIXES if name in Image.OPEN)  # an older Pillow has no AVIF
IMAGE_SUFFIXES = tuple(suffix for name in FORMATS for suffix in SUFFIXES[name])
PNM_HEADER = re.compile(rb"P([1-6])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:(?:\s|#[^\n]*\n)+(\d+))?\s")
PNM_BILEVEL = (b"1", b"4")  # kinds without a largest value
SIZ_MARKER = b"\xff\x4f\xff\x51"  # beginning of a JPEG 2000 codestream, and of its sizes
SIZ_CHANNELS_OFFSET = 36  # position of the number of channels behind it
MAX_PNM_HEADER = 4096  # bytes, with its comments
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
        size: Height and width in pixels, before the orientation is applied; None if the header is damaged.
        is_gray: Whether a PNG is gray, with or without alpha; False for other formats.
        orientation: EXIF orientation, 1..8; other values mean 1.
        refusal: Reason why the file cannot be decoded rightly, as the rest of a sentence; empty if it can.
    """

    format: str
    size: tuple[int, int] | None = None
    is_gray: bool = False
    orientation: int = 1
    refusal: str = ""


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
        with quiet_unlimited_pillow():
            if name == "TIFF":
                tiff = read_tiff_header(data)
                return ImageHeader(name, tiff.size, orientation=tiff.orientation, refusal=tiff.refusal)
            return OWN_READERS.get(name, partial(_read_image, name))(data)
    except Exception:  # damaged headers raise errors of any kind
        return ImageHeader(name, refusal=UNREADABLE if name == "TIFF" else "")


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
def quiet_unlimited_pillow() -> Iterator[None]:
    """Lifts Pillow's limit on pixels, since callers have their own, and silences its warnings about damaged metadata.

    Both settings are global to the process, so only one thread at a time may change them.
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
        orientation=_read_orientation(find_png_exif(data)),
    )


def find_png_exif(data: bytes) -> bytes:
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
    value = directory.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) else 1


def _read_bmp(data: bytes) -> ImageHeader:
    # Pillow opens fewer kinds than OpenCV decodes, but all except the oldest give their size in the same place
    try:
        return _read_image("BMP", data)
    except (OSError, ValueError):
        width, height = struct.unpack_from("<ii", data, 18)
        return ImageHeader("BMP", (abs(height), width))


def _read_pnm(data: bytes) -> ImageHeader:
    match = PNM_HEADER.match(data[:MAX_PNM_HEADER])
    if match is None:
        raise ValueError("not one of the kinds P1 to P6")
    kind, width, height, largest = match.groups()
    refusal = ""
    if kind not in PNM_BILEVEL and largest not in (b"255", b"65535"):
        refusal = f"has values up to {(largest or b'?').decode()}; expected 255 or 65535 (convert it to PNG)"
    return ImageHeader("PPM", (int(height), int(width)), refusal=refusal)


def _read_jpeg2000(data: bytes) -> ImageHeader:
    header = _read_image("JPEG2000", data)
    start = data.find(SIZ_MARKER) + len(SIZ_MARKER)
    (channels,) = struct.unpack_from(">H", data, start + SIZ_CHANNELS_OFFSET)
    depths = {1 + data[start + SIZ_CHANNELS_OFFSET + 2 + 3 * channel] for channel in range(channels)}
    if depths <= {8} or depths <= {16}:
        return header
    refusal = f"has {', '.join(map(str, sorted(depths)))} bits per channel; expected 8 or 16 (convert it to PNG)"
    return replace(header, refusal=refusal)


OWN_READERS = {"PNG": _read_png, "BMP": _read_bmp, "PPM": _read_pnm, "JPEG2000": _read_jpeg2000}
