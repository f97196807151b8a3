"""Reading and writing image files."""

import struct
from pathlib import Path
from types import ModuleType

import numpy as np

from shared.images.transparency import composite_over_gray

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
LOSSLESS_WEBP = 101  # OpenCV: a WebP quality above 100 means lossless
ORIENTATION, PHOTOMETRIC, SAMPLES_PER_PIXEL = 274, 262, 277  # tags of TIFF 6.0, shared by EXIF
TIFF_SAMPLES = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # per photometric: gray, gray, RGB, palette, CMYK, YCbCr
TIFF_DEEP = (1, 2)  # photometrics that OpenCV decodes rightly at 16 bits


def read_image(path: str | Path) -> np.ndarray:
    """Reads an image file as 8-bit RGB, whatever its suffix says about the format.

    Gray is repeated, palettes are resolved, CMYK is converted, 16 bits are rounded to 8 by value / 257, the
    EXIF orientation is applied, and transparency is laid over mid-gray, where both black and white drawings
    stay visible and the artificial edges are weakest. Colour profiles are ignored, as in all published
    super-resolution results. Of several pages or frames the first is read. The fourth channel of a BMP, which
    is mostly unused, is dropped.

    Args:
        path: a png, jpg, bmp, tif or webp file; other formats are read where OpenCV can.

    Returns:
        RGB image, (H, W, 3) uint8.

    Raises:
        ValueError: naming the file, if it is empty, damaged, not an image, or of a kind that is not handled
            (float or 32-bit values, TIFF with transparency or in a rare colour space, BigTIFF).
        OSError: if the file cannot be read.
        ImportError: if OpenCV cannot be loaded, saying what to install.
    """
    data = Path(path).read_bytes()
    decoded = decode(data, path)
    if decoded.dtype == np.uint16:
        decoded = ((decoded.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if decoded.ndim == 2:
        image = np.repeat(decoded[..., None], 3, axis=2)  # (H, W, 3)
    else:
        image = decoded[..., 2::-1]
    if decoded.ndim == 3 and decoded.shape[2] == 4:
        image = composite_over_gray(image, decoded[..., 3:])
    return np.ascontiguousarray(image)


def decode(data: bytes, path: str | Path) -> np.ndarray:
    """Decodes the content of an image file as it is stored, but for its EXIF orientation, which is applied.

    Args:
        data: the file's bytes.
        path: named in errors.

    Returns:
        (H, W) gray, (H, W, 3) BGR or (H, W, 4) BGR and alpha; uint8 or uint16.

    Raises:
        ValueError, ImportError: as `read_image`.
    """
    if not data:
        raise ValueError(f"{str(path)!r} is empty (0 bytes); expected an image file")
    cv2 = opencv()
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(f"{str(path)!r} cannot be decoded; OpenCV requires {error.err.strip()}") from error
    if decoded is None:
        raise ValueError(f"{str(path)!r} is not an image or is damaged; expected a complete {_listed()} file")
    if decoded.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{str(path)!r} has {decoded.dtype} values; convert it to 8 or 16 bits per channel")
    if is_tiff(data):  # OpenCV applies a TIFF's own orientation, and gives CMYK a fourth channel without meaning
        _check_tiff(data, decoded.dtype, path)
        return decoded if decoded.ndim == 2 else decoded[..., :3]
    return _oriented(decoded, _exif_orientation(data))


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Writes an image without loss, or as JPEG of quality 95 where the suffix says so.

    Args:
        path: its suffix, one of `IMAGE_SUFFIXES`, selects the format; the folder must exist.
        image: RGB, (H, W, 3) uint8.

    Raises:
        ValueError: for another suffix, shape or type, or an image that the format cannot hold.
        OSError: if the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise ValueError(f"cannot write {str(path)!r}: the suffix must be one of {', '.join(IMAGE_SUFFIXES)}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"cannot write {image.dtype} values of shape {image.shape}; expected uint8 (H, W, 3)")
    cv2 = opencv()
    options = []
    if suffix == ".webp":
        options = [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS_WEBP]
    if suffix in (".jpg", ".jpeg"):
        options = [cv2.IMWRITE_JPEG_QUALITY, 95]
    try:
        encoded = cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]), options)[1]
    except cv2.error as error:
        raise ValueError(f"cannot write {image.shape} as {str(path)!r}: {error.err.strip()}") from error
    path.write_bytes(encoded.tobytes())


def opencv() -> ModuleType:
    """OpenCV, loaded at the first use.

    Raises:
        ImportError: it cannot be loaded; says what to install.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"OpenCV cannot be loaded ({error}). Where a system library such as libGL is missing, run "
            "`apt-get install libgl1 libglib2.0-0`, or replace opencv-python by opencv-python-headless."
        ) from error
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it would repeat our errors
    return cv2


def _listed() -> str:
    return ", ".join(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES)


def is_tiff(data: bytes) -> bool:
    """Whether a file begins as TIFF or BigTIFF does."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _check_tiff(data: bytes, depth: np.dtype, path: str | Path) -> None:
    """Refuses what OpenCV decodes wrongly in silence: transparency, rare colour spaces."""
    photometric = directory_value(data, PHOTOMETRIC)
    samples = directory_value(data, SAMPLES_PER_PIXEL) or 1
    if photometric is None or TIFF_SAMPLES.get(photometric) != samples:
        raise ValueError(
            f"{str(path)!r} is a TIFF with {samples} channels, photometric {photometric}; expected a classic "
            "TIFF in gray, RGB, palette, CMYK or YCbCr without transparency (convert it to PNG)"
        )
    if depth == np.uint16 and photometric not in TIFF_DEEP:
        raise ValueError(f"{str(path)!r} is a 16-bit TIFF with photometric {photometric}; convert it to RGB or gray")


def _exif_orientation(data: bytes) -> int:
    """EXIF orientation 1..8 of a JPEG, PNG or WebP file, 1 where it says nothing."""
    for marker, length in ((b"Exif\0\0", 6), (b"eXIf", 4), (b"EXIF", 8)):
        start = data.find(marker)
        if start >= 0:
            return directory_value(data[start + length : start + length + 65536], ORIENTATION) or 1
    return 1


def directory_value(tiff: bytes, tag: int) -> int | None:
    """First value of a tag of short or long integers in the first directory of a TIFF structure."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            found, kind = struct.unpack_from(order + "HH", tiff, entry)
            if found == tag:
                return int(struct.unpack_from(order + ("I" if kind == 4 else "H"), tiff, entry + 8)[0])
    except struct.error:  # a damaged directory says nothing
        return None
    return None


def _oriented(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes an EXIF orientation; values outside 1..8 mean none."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
