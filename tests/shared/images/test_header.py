"""Headers: what is read without decoding, and that damage never stops a reader."""

import io
import struct
import time
import warnings
import zlib

import pytest
from PIL import Image

from shared.images import IMAGE_SUFFIXES, check_pixels, read_header
from tests.shared.images.test_files import ORIENTATION_TAG, encode_image, smooth_picture


def make_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return exif


def headers() -> dict[str, bytes]:
    image = Image.fromarray(smooth_picture(48, 65))
    exif = Image.Exif()
    exif[0x010E] = "x" * 60000
    core_bmp = b"BM" + bytes(8) + struct.pack("<IIHHHH", 26, 12, 65, 48, 1, 24)
    return {
        "png": encode_image(image, "PNG"),
        "jpg": encode_image(image, "JPEG"),
        "progressive jpg": encode_image(image, "JPEG", progressive=True, exif=exif),
        "gray jpg": encode_image(image.convert("L"), "JPEG"),
        "cmyk jpg": encode_image(image.convert("CMYK"), "JPEG"),
        "bmp": encode_image(image, "BMP"),
        "old bmp": core_bmp,
        "tif": encode_image(image, "TIFF"),
        "lab tif": encode_image(Image.frombytes("LAB", image.size, image.tobytes()), "TIFF"),
        "webp": encode_image(image, "WEBP"),
        "lossless webp": encode_image(image, "WEBP", lossless=True),
        "alpha webp": encode_image(image.convert("RGBA"), "WEBP", exif=exif),
        "gif": encode_image(image, "GIF"),
        "ppm": encode_image(image, "PPM"),
        "jpeg2000": encode_image(image, "JPEG2000"),
        **({"avif": encode_image(image, "AVIF")} if ".avif" in IMAGE_SUFFIXES else {}),
    }


@pytest.mark.parametrize("kind", list(headers()))
def test_the_header_gives_format_and_size(kind):
    data = headers()[kind]
    header = read_header(data)
    assert header.size == (48, 65)
    assert header.format == {"jpg": "JPEG", "tif": "TIFF"}.get(kind.split()[-1], kind.split()[-1].upper())
    for length in range(0, min(len(data), 200)):  # a truncated header gives the right size or none
        header = read_header(data[:length])
        assert header is None or header.size in (None, (48, 65))


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff", b"\xff\xd8" + 50 * b"\xff", b"RIFFxxxxWEBPVP8 " + bytes(30), b"II*\0"]
)
def test_damaged_headers_give_only_the_format(data):
    header = read_header(data)
    assert header.format in ("JPEG", "WEBP", "TIFF")
    assert header.size is None


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"RIFFxxxxWEBPVP9 " + bytes(30), b"a text"])
def test_other_bytes_have_no_header(data):
    assert read_header(data) is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_size_is_the_one_before_orientation(form, orientation):
    header = read_header(encode_image(Image.fromarray(smooth_picture(48, 65)), form, exif=make_exif(orientation)))
    assert header.orientation == orientation
    assert header.size == (48, 65)


@pytest.mark.parametrize(
    ("mode", "is_gray"), [("1", True), ("L", True), ("I;16", True), ("LA", True), ("RGB", False), ("P", False)]
)
def test_gray_png_is_distinguished_from_colours(mode, is_gray):
    image = Image.new(mode, (9, 5)) if mode == "I;16" else Image.fromarray(smooth_picture()).convert(mode)
    assert read_header(encode_image(image, "PNG")).is_gray is is_gray


@pytest.mark.parametrize("text", ["P6 65 48 255\n", "P5\n# made by hand\n65 # across\n48\n65535\n", "P4\n65 48\n"])
def test_the_header_of_a_netpbm_file_may_hold_comments(text):
    header = read_header(text.encode() + bytes(9))
    assert (header.format, header.size, header.refusal) == ("PPM", (48, 65), "")


def test_netpbm_values_of_another_range_are_refused():
    assert read_header(b"P5 65 48 1023\n" + bytes(9)).refusal.startswith("has values up to 1023; expected 255 or 65535")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(extra: bytes, before: bytes) -> bytes:
    data = encode_image(Image.fromarray(smooth_picture(48, 65)), "PNG")
    place = data.index(before) - 4
    return data[:place] + extra + data[place:]


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_exif_of_a_png_may_follow_its_pixels(before):
    exif = chunk(b"eXIf", make_exif(6).tobytes().removeprefix(b"Exif\0\0"))
    assert read_header(png_with(exif, before)).orientation == 6


@pytest.mark.parametrize(
    "extra", [chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(3_000_000))), chunk(b"tEXt", b"k\0text")[:-1] + b"x"]
)
def test_a_png_whose_texts_pillow_refuses_is_read(extra):
    with pytest.raises((ValueError, OSError)):
        Image.open(io.BytesIO(png_with(extra, b"IDAT")))
    assert read_header(png_with(extra, b"IDAT")).size == (48, 65)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"])
def test_damaged_exif_is_no_orientation_and_no_warning(exif):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = read_header(encode_image(Image.fromarray(smooth_picture(48, 65)), "JPEG", exif=exif))
    assert (header.size, header.orientation) == ((48, 65), 1)


@pytest.mark.parametrize("kind", list(headers()))
def test_the_limit_of_pillow_is_lifted_and_restored(kind, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_header(headers()[kind]).size == (48, 65)
        read_header(headers()[kind][:40])
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(headers()["png"]))


def test_the_limit_applies_to_height_times_width():
    check_pixels((20, 30), 600, "a.png")
    with pytest.raises(ValueError, match=r"'a\.png' is an image of 30x20 pixels, more than 0\.000599 megapixels"):
        check_pixels((20, 30), 599, "a.png")


def test_a_long_run_of_spaces_in_a_netpbm_header_takes_no_time():
    start = time.perf_counter()
    assert read_header(b"P5" + b" " * 4000 + b"x").size is None
    assert read_header(b"P5" + b"#\n " * 1300 + b"x").size is None
    assert time.perf_counter() - start < 1


def test_jpeg_2000_of_another_depth_is_refused():
    data = bytearray(encode_image(Image.fromarray(smooth_picture()), "JPEG2000"))
    depth = data.find(b"\xff\x4f\xff\x51") + 4 + 38
    assert data[depth] == 7
    assert read_header(bytes(data)).refusal == ""
    data[depth] = 11
    assert read_header(bytes(data)).refusal.startswith("has 8, 12 bits per channel; expected 8 or 16")
