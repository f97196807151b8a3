"""Reading and writing of image files as 8-bit RGB, and the decoding and encoding behind it."""

import io
import os
import stat
from pathlib import Path

import numpy as np
from PIL import Image

from shared.files import write_atomically
from shared.images.header import FORMATS, SUFFIXES, ImageHeader, check_pixels, quiet_unlimited_pillow, read_header
from shared.images.opencv import load_opencv
from shared.images.transparency import composite_over_gray

WRITTEN_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MAX_PIXELS = 100_000_000  # larger images are refused before they are decoded
MAX_BYTES_PER_PIXEL = 8  # 16-bit RGBA, the largest kind of image; compressed files hardly exceed it
MAX_METADATA_BYTES = 2**26  # colour profiles, previews and the like
MAX_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}  # pixels, limits of libjpeg and of the WebP format
JPEG_QUALITY = 95
LOSSLESS_WEBP = 101  # OpenCV: a WebP quality above 100 means lossless
DECODED_BY_PILLOW = ("GIF", "AVIF", "JPEG2000")  # where OpenCV was built without them
PILLOW_ONLY = ("AVIF",)  # OpenCV leaves 10 and 12 bits as they are, which looks nearly black


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image file as 8-bit RGB.

    Gray is repeated, palettes are resolved, CMYK is converted, 16 bits are rounded to 8 by value / 257, the EXIF
    orientation is applied, and transparent images are composited over mid-gray, on which both black and white
    drawings stay visible and artificial edges are weakest. Colour profiles are ignored, as in all published
    super-resolution results. Only the first page or frame is read. The fourth channel of a BMP, which is mostly
    unused, is dropped.

    Args:
        path: A file of one of `IMAGE_SUFFIXES`. Its content decides the format, not its suffix.
        max_pixels: Largest accepted number of pixels. Larger images are refused before they are decoded.

    Returns:
        RGB image, (H, W, 3) uint8.

    Raises:
        ValueError: The file is too large, empty, damaged, no regular file, not an image, or of an unsupported kind
            (float or 32-bit values, TIFF with transparency or in a rare colour space, BigTIFF). The message names the
            file.
        OSError: The file cannot be read.
        ImportError: OpenCV cannot be loaded. The message says what to install.
    """
    data = read_file(path, max_pixels)
    decoded = decode(data, read_header(data), path, max_pixels)
    if decoded.dtype == np.uint16:
        decoded = ((decoded.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if decoded.ndim == 2:
        image = np.repeat(decoded[..., None], 3, axis=2)  # (H, W, 3)
    else:
        image = decoded[..., 2::-1]
    if decoded.ndim == 3 and decoded.shape[2] == 4:
        image = composite_over_gray(image, decoded[..., 3:])
    return np.ascontiguousarray(image)


def read_file(path: str | Path, max_pixels: int = MAX_PIXELS) -> bytes:
    """Reads the whole content of a regular file that may hold an image.

    Args:
        path: Path of the file.
        max_pixels: Number of pixels that decides how long a file may be.

    Raises:
        ValueError: The path is a folder, a named pipe or a device, or the file is too long. The message names it.
        OSError: The file cannot be read.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{str(path)!r} is {_name_kind(status.st_mode)}, not a file")
    if status.st_size > MAX_BYTES_PER_PIXEL * max_pixels + MAX_METADATA_BYTES:
        raise ValueError(
            f"{str(path)!r} is a file of {status.st_size / 1e6:.0f} MB, too large for an image of "
            f"{max_pixels / 1e6:g} megapixels"
        )
    return Path(path).read_bytes()


def _name_kind(mode: int) -> str:
    """Names the kind of a path that is no regular file, given `st_mode`."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def decode(data: bytes, header: ImageHeader | None, path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decodes an image file with its own channels and depth, and applies its EXIF orientation.

    Args:
        data: Content of the whole file.
        header: Header of the file; None if it has none of the known formats.
        path: Path of the file, for error messages.
        max_pixels: Largest accepted number of pixels.

    Returns:
        Image, (H, W) gray, (H, W, 3) BGR or (H, W, 4) BGR and alpha; uint8 or uint16.

    Raises:
        ValueError, ImportError: See `read_image`.
    """
    if not data:
        raise ValueError(f"{str(path)!r} is empty (0 bytes); expected an image file")
    cv2 = load_opencv()
    if header is not None and header.refusal:
        raise ValueError(f"{str(path)!r} {header.refusal}")
    if header is None or header.size is None:
        raise not_an_image_error(path)
    check_pixels(header.size, max_pixels, path)
    decoded = None
    if header.format not in PILLOW_ONLY:
        try:
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise ValueError(f"{str(path)!r} cannot be decoded; OpenCV requires {error.err.strip()}") from error
    if decoded is None and header.format in DECODED_BY_PILLOW:
        decoded = _decode_by_pillow(data)
    if decoded is None:
        raise not_an_image_error(path)
    check_pixels(decoded.shape[:2], max_pixels, path)
    if decoded.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{str(path)!r} has {decoded.dtype} values; convert it to 8 or 16 bits per channel")
    if header.format != "TIFF":
        return _apply_orientation(decoded, header.orientation)
    # OpenCV has already applied the orientation of a TIFF, and adds a meaningless fourth channel to CMYK.
    return decoded if decoded.ndim == 2 else decoded[..., :3]


def _decode_by_pillow(data: bytes) -> np.ndarray | None:
    """Decodes the first frame as 8-bit BGR or BGR and alpha, (H, W, 3 or 4); None if it is damaged."""
    try:
        with quiet_unlimited_pillow(), Image.open(io.BytesIO(data), formats=DECODED_BY_PILLOW) as image:
            pixels = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    except Exception:  # damaged files raise errors of any kind
        return None
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def not_an_image_error(path: str | Path) -> ValueError:
    """Returns the error for a file that cannot be decoded at all."""
    return ValueError(f"{str(path)!r} is not an image or is damaged; expected a complete {format_suffixes()} file")


def format_suffixes() -> str:
    """Lists the formats that can be read, by the usual suffix of each."""
    return ", ".join(SUFFIXES[name][0].lstrip(".") for name in FORMATS)


def check_format(path: Path, height: int, width: int) -> None:
    """Refuses a path whose format is unknown or cannot hold an image of this size.

    Args:
        path: Path of the image to write.
        height, width: Size of the image in pixels.

    Raises:
        ValueError: The suffix names no supported format, or the image is too large for it.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise ValueError(f"cannot write {str(path)!r}: the suffix must be one of {', '.join(WRITTEN_SUFFIXES)}")
    max_side = MAX_SIDE.get(suffix)
    if max_side is not None and max(height, width) > max_side:
        raise ValueError(
            f"cannot write {width}x{height} pixels as {str(path)!r}: {suffix} holds at most {max_side} pixels per "
            "side; use .png"
        )


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Writes an image without loss, or as JPEG of quality 95.

    Args:
        path: Path of the file. Its suffix, one of `WRITTEN_SUFFIXES`, selects the format; its folder must exist.
        image: RGB image, (H, W, 3) uint8.

    Raises:
        ValueError: The image has another shape or type, or the suffix names no format that can hold it.
        OSError: The file cannot be written.
    """
    path = Path(path)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"cannot write {image.dtype} values of shape {image.shape}; expected uint8 (H, W, 3)")
    check_format(path, *image.shape[:2])
    write_atomically(path, encode(np.ascontiguousarray(image[..., ::-1]), path).tobytes())


def encode(image: np.ndarray, path: Path) -> np.ndarray:
    """Encodes an image without loss, or as JPEG of quality 95.

    Args:
        image: Image, (H, W, C) gray, BGR or BGR and alpha; uint8 or uint16.
        path: Path of the file to be; its suffix selects the format.

    Returns:
        Content of the file, (n,) uint8.

    Raises:
        ValueError: OpenCV cannot encode the image. The message names the path.
    """
    cv2 = load_opencv()
    suffix = path.suffix.lower()
    options = []
    if suffix == ".webp":
        options = [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS_WEBP]
    if suffix in (".jpg", ".jpeg"):
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    try:
        return cv2.imencode(suffix, image, options)[1]
    except cv2.error as error:
        raise ValueError(f"cannot write {image.shape} as {str(path)!r}: {error.err.strip()}") from error


def _apply_orientation(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes an EXIF orientation; values outside 1..8 mean none."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
