"""The first directory of a TIFF: its size, and whether what its tags say is decoded rightly."""

import io
from dataclasses import dataclass

from PIL import ExifTags, Image

Tag = ExifTags.Base
INK_SET, INDEXED, IMAGE_DEPTH, TILE_DEPTH = 332, 346, 32997, 32998
CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # by photometric: gray, gray, RGB, palette, CMYK, YCbCr
PHOTOMETRICS_OF_16_BITS = (1, 2)  # gray and RGB, which OpenCV decodes correctly at 16 bits
PAGES = (0, 2)  # kinds of a first page: an image, a page of several; not a thumbnail or a mask
# Tags that change what the samples mean, with the values that are decoded rightly; the first is the default. A wrong
# type of sample is found by its decoded type, and a wrong compression is not decoded at all.
UNDERSTOOD = {
    Tag.BitsPerSample: (1, 8, 16),
    Tag.FillOrder: (1, 2),
    Tag.PlanarConfiguration: (1, 2),
    Tag.NewSubfileType: PAGES,
    INK_SET: (1,),
    INDEXED: (0,),
    IMAGE_DEPTH: (1,),
    TILE_DEPTH: (1,),
}
NAMES = {INK_SET: "InkSet", INDEXED: "Indexed", IMAGE_DEPTH: "ImageDepth", TILE_DEPTH: "TileDepth"}
SIXTEEN_BITS = 16
IN_PLANES = 2  # PlanarConfiguration of separate planes
EXPECTED = "expected a classic TIFF in gray, RGB, palette, CMYK or YCbCr without transparency (convert it to PNG)"
UNREADABLE = f"is a BigTIFF or is damaged; {EXPECTED}"


@dataclass(frozen=True)
class TiffHeader:
    """Header of a TIFF.

    Attributes:
        size: Height and width in pixels, before the orientation is applied; None if they are missing.
        orientation: EXIF orientation, 1..8; other values mean 1.
        refusal: Reason why it cannot be decoded rightly, as the rest of a sentence; empty if it can.
    """

    size: tuple[int, int] | None
    orientation: int
    refusal: str


def read_tiff_header(data: bytes) -> TiffHeader:
    """Reads only the first directory, since Pillow opens fewer kinds of TIFF than OpenCV decodes.

    Args:
        data: Content of the whole file.

    Raises:
        Exception: The directory is damaged, or the file is a BigTIFF, whose header is longer; of any kind.

    Source: TIFF Revision 6.0, Adobe 1992.
    """
    directory = Image.Exif()
    directory.load_from_fp(io.BytesIO(data))
    if not any(tag >= Tag.SamplesPerPixel for tag in directory):  # tags are sorted, and Pillow stops at a damaged one
        raise ValueError("the number of channels is unknown")
    height, width = (_read_integer(directory, tag) for tag in (Tag.ImageLength, Tag.ImageWidth))
    return TiffHeader(
        (height, width) if height and width else None,
        _read_integer(directory, Tag.Orientation) or 1,
        _find_refusal(directory),
    )


def _find_refusal(directory: Image.Exif) -> str:
    samples = _read_integer(directory, Tag.SamplesPerPixel) or 1
    photometric = _read_integer(directory, Tag.PhotometricInterpretation)
    if photometric is None:
        return UNREADABLE
    if CHANNELS.get(photometric) != samples:
        return f"is a TIFF with {samples} channels, photometric {photometric}; {EXPECTED}"
    for tag, understood in UNDERSTOOD.items():
        values = directory.get(tag, understood[0])
        values = set(values) if isinstance(values, tuple) else {values}
        if len(values) > 1 or not values <= set(understood):
            found = ", ".join(map(str, sorted(values, key=str)))
            return f"is a TIFF whose {NAMES.get(tag) or Tag(tag).name} is {found}; {EXPECTED}"
    if _read_integer(directory, Tag.BitsPerSample) == SIXTEEN_BITS:
        if photometric not in PHOTOMETRICS_OF_16_BITS:
            return f"is a 16-bit TIFF with photometric {photometric}; convert it to RGB or gray"
        if samples > 1 and _read_integer(directory, Tag.PlanarConfiguration) == IN_PLANES:
            return "is a 16-bit TIFF whose channels are in separate planes; interleave them (convert it to PNG)"
    return ""


def _read_integer(directory: Image.Exif, tag: int) -> int | None:
    """Reads the first value of a tag; None if the tag is missing or not an integer."""
    value = directory.get(tag)
    if isinstance(value, tuple) and value:
        value = value[0]
    return value if isinstance(value, int) else None
