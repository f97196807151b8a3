"""What an image file says about its image beside the pixels: colour profile, EXIF and resolution."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

from shared.images.files import JPEG_QUALITY
from shared.images.header import FORMATS, find_png_exif, quiet_unlimited_pillow

EXIF_PREFIX = b"Exif\0\0"  # of EXIF in a JPEG, which other formats leave out
MAX_JPEG_EXIF_BYTES = 65_000  # what a segment of a JPEG holds
MAX_PROFILE_BYTES = 2**22  # many times the size of a printer's, and less than a JPEG holds
MAX_DPI = 2**16 - 1  # what a JPEG can store
GRAY_PROFILE, RGB_PROFILE, COLOUR_SPACE = b"GRAY", b"RGB ", slice(16, 20)  # in the header of a colour profile
METADATA_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")  # formats whose metadata are written
Tag = ExifTags.Base
DESCRIPTIVE_TAGS = (  # of the image itself; all others say how the file is stored
    Tag.ImageDescription,
    Tag.Make,
    Tag.Model,
    Tag.Software,
    Tag.DateTime,
    Tag.Artist,
    Tag.HostComputer,
    Tag.Copyright,
)
DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)  # kept as they are, except for
OUTDATED_TAGS = (Tag.ExifImageWidth, Tag.ExifImageHeight, Tag.ExifInteroperabilityOffset)


@dataclass(frozen=True)
class ImageMetadata:
    """Metadata of an image file.

    Attributes:
        icc_profile: Colour profile; empty if there is none.
        exif: EXIF without orientation and size, which a result has of its own; empty if there is none.
        dpi: Horizontal and vertical resolution in pixels per inch; None if unknown.
    """

    icc_profile: bytes = b""
    exif: bytes = b""
    dpi: tuple[float, float] | None = None

    @property
    def names(self) -> list[str]:
        """The kinds of metadata that there are, in words."""
        present = {"colour profile": self.icc_profile, "EXIF": self.exif, "resolution": self.dpi}
        return [name for name, value in present.items() if value]


def read_metadata(data: bytes) -> ImageMetadata:
    """Reads the metadata of an image; damaged metadata counts as none.

    Args:
        data: Content of a file of one of `IMAGE_SUFFIXES`.
    """
    try:
        with quiet_unlimited_pillow(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            profile = image.info.get("icc_profile") or b""
            exif = _keep_descriptive(_load_exif(find_png_exif(data)) if image.format == "PNG" else image.getexif())
            dpi = image.info.get("dpi")
    except Exception:  # damaged metadata raises errors of any kind
        return ImageMetadata()
    return ImageMetadata(
        profile,
        exif,
        (float(dpi[0]), float(dpi[1])) if dpi and 1 <= min(dpi) <= max(dpi) <= MAX_DPI else None,
    )


def _load_exif(data: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.load(data)
    return tags


def _keep_descriptive(tags: Image.Exif) -> bytes:
    """Copies what describes the photograph; empty if there is nothing."""
    kept = Image.Exif()
    for tag in DESCRIPTIVE_TAGS:
        if tag in tags:
            kept[tag] = tags[tag]
    for directory in DIRECTORIES:
        values = {tag: value for tag, value in tags.get_ifd(directory).items() if tag not in OUTDATED_TAGS}
        if values:
            kept.get_ifd(directory).update(values)
            kept[directory] = 0  # its place, which is filled in when the tags are stored
    return kept.tobytes().removeprefix(EXIF_PREFIX) if len(kept) else b""


def fit_to_format(metadata: ImageMetadata, suffix: str, *, is_gray: bool) -> tuple[ImageMetadata, list[str]]:
    """Selects what a result can store.

    Args:
        metadata: Metadata of the image.
        suffix: Suffix of the result in lower case.
        is_gray: Whether the result is gray; a profile of other colours than it has, such as CMYK, does not fit it.

    Returns:
        What is stored, and the kinds of metadata, in words, that are not.
    """
    space = GRAY_PROFILE if is_gray and suffix != ".webp" else RGB_PROFILE  # WebP stores RGB alone
    is_jpeg = suffix in (".jpg", ".jpeg")
    has_place = suffix in METADATA_SUFFIXES
    fits_profile = metadata.icc_profile[COLOUR_SPACE] == space and len(metadata.icc_profile) <= MAX_PROFILE_BYTES
    fits_exif = len(metadata.exif) <= MAX_JPEG_EXIF_BYTES or not is_jpeg
    kept = ImageMetadata(
        metadata.icc_profile if has_place and fits_profile else b"",
        metadata.exif if has_place and fits_exif else b"",
        metadata.dpi if has_place and suffix != ".webp" else None,
    )
    return kept, [name for name in metadata.names if name not in kept.names]


def encode_with_metadata(image: np.ndarray, suffix: str, metadata: ImageMetadata) -> bytes:
    """Encodes an image as JPEG of quality 95 or as lossless WebP.

    Args:
        image: Image, (H, W, C) uint8: gray, gray and alpha, RGB or RGBA.
        suffix: `.jpg`, `.jpeg` or `.webp`.
        metadata: What to store with it, see `fit_to_format`.
    """
    stream = io.BytesIO()
    options: dict[str, object] = {"icc_profile": metadata.icc_profile or None}
    if metadata.exif:
        options["exif"] = EXIF_PREFIX + metadata.exif
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    if suffix == ".webp":
        picture.convert("RGBA" if picture.mode in ("LA", "RGBA") else "RGB").save(
            stream, "WEBP", lossless=True, exact=True, **options
        )
    else:
        resolution = tuple(round(value) for value in metadata.dpi) if metadata.dpi else (0, 0)
        picture.save(stream, "JPEG", quality=JPEG_QUALITY, dpi=resolution, **options)
    return stream.getvalue()
