"""Images read as 8-bit RGB, and what is refused."""

import builtins
import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from shared.images import check_format, read_image, write_image
from shared.images.header import FORMATS, SUFFIXES

ORIENTATION_TAG = 0x0112


def smooth_picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def save(path: Path, image: Image.Image, **options) -> str:
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "webp"])
def test_write_then_read_is_lossless(tmp_path, suffix):
    picture = smooth_picture()
    write_image(tmp_path / f"a.{suffix}", picture)
    result = read_image(tmp_path / f"a.{suffix}")
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert np.array_equal(result, picture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / f"a.{suffix}").convert("RGB")), picture)


def test_jpeg_agrees_with_pillow(tmp_path):
    picture = smooth_picture()
    write_image(tmp_path / "a.JPG", picture)
    result = read_image(tmp_path / "a.JPG").astype(int)
    assert np.abs(result - np.asarray(Image.open(tmp_path / "a.JPG"))).max() <= 1
    assert np.abs(result - picture).mean() < 4


@pytest.mark.parametrize("mode", ["L", "1", "P"])
@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_gray_bilevel_and_palette_are_resolved(tmp_path, mode, suffix):
    image = Image.fromarray(smooth_picture())
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    assert np.array_equal(read_image(save(tmp_path / f"a.{suffix}", image)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_rounded(tmp_path, suffix, channels):
    values = np.random.default_rng(1).integers(0, 65536, (40, 50, channels), dtype=np.uint16)
    values[0, :4, 0] = (0, 128, 129, 65535)  # 128 / 257 rounds down, 129 / 257 up
    (tmp_path / "a").write_bytes(cv2.imencode(f".{suffix}", values[..., ::-1])[1].tobytes())
    expected = np.broadcast_to(np.round(values / 257), (40, 50, 3)).astype(np.uint8)
    assert np.array_equal(read_image(tmp_path / "a"), expected)


def composite(rgba: np.ndarray) -> np.ndarray:
    opacity = rgba[..., 3:] / 255
    return rgba[..., :3] * opacity + 128 * (1 - opacity)


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_alpha_is_composited_over_mid_gray(tmp_path, suffix):
    alpha = np.linspace(0, 255, 48 * 64).reshape(48, 64).astype(np.uint8)
    rgba = np.dstack([smooth_picture(), alpha])
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(rgba), **options)
    assert np.abs(read_image(path) - composite(rgba)).max() <= 0.51


def test_other_transparencies_of_png(tmp_path):
    gray_alpha = Image.fromarray(np.dstack([smooth_picture(), smooth_picture(seed=3)[..., 0]])).convert("LA")
    path = save(tmp_path / "la.png", gray_alpha)
    assert np.abs(read_image(path) - composite(np.asarray(gray_alpha.convert("RGBA")))).max() <= 0.51
    path = save(tmp_path / "p.png", Image.fromarray(smooth_picture()).quantize(8), transparency=3)
    rgba = np.asarray(Image.open(path).convert("RGBA"))
    assert rgba[..., 3].min() == 0
    assert np.abs(read_image(path) - composite(rgba)).max() <= 0.51
    deep = np.full((20, 30, 4), 65535, np.uint16)
    deep[..., 3] = 0
    (tmp_path / "deep.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    assert np.all(read_image(tmp_path / "deep.png") == 128)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_agrees_with_pillow(tmp_path, suffix):
    image = Image.fromarray(smooth_picture()).convert("CMYK")
    path = save(tmp_path / f"a.{suffix}", image, **({"quality": 98} if suffix == "jpg" else {}))
    difference = read_image(path).astype(int) - np.asarray(Image.open(path).convert("RGB"))
    assert np.abs(difference).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("png", "RGB"), ("png", "RGBA"), ("webp", "RGB"), ("tif", "RGB")]
)
def test_exif_orientation_is_applied(tmp_path, orientation, suffix, mode):
    image = Image.fromarray(smooth_picture(24, 40)).convert(mode)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95}}.get(suffix, {})
    path = save(tmp_path / f"a.{suffix}", image, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    result = read_image(path)
    assert result.shape == expected.shape
    assert np.abs(result.astype(int) - expected).max() <= 2


def test_content_decides_the_format_and_names_may_be_non_ascii(tmp_path):
    picture = smooth_picture()
    folder = tmp_path / "снимки 写真"
    folder.mkdir()
    write_image(folder / "ünï.jpg", picture)
    (folder / "ünï.jpg").rename(folder / "ünï.png")
    assert np.abs(read_image(folder / "ünï.png").astype(int) - picture).mean() < 4


def encode_image(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_truncated_file_is_refused_by_name(tmp_path, form, share):
    data = encode_image(Image.fromarray(smooth_picture(200, 300)), form)
    (tmp_path / "cut.png").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=r"cut\.png"):
        read_image(tmp_path / "cut.png")


def gigantic_png() -> bytes:
    data = bytearray(encode_image(Image.new("L", (10, 10)), "PNG"))
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def refused_files() -> dict[str, tuple[bytes, str]]:
    image = Image.fromarray(smooth_picture())
    rgba = image.convert("RGBA")
    floats = cv2.imencode(".tif", smooth_picture().astype(np.float32))[1].tobytes()
    return {
        "empty": (b"", "is empty"),
        "text": (b"not an image" * 100, "not an image or is damaged"),
        "float": (floats, "whose BitsPerSample is 32"),
        "int32": (encode_image(image.convert("I"), "TIFF"), "whose BitsPerSample is 32"),
        "rgba tif": (encode_image(rgba, "TIFF"), "4 channels, photometric 2"),
        "la tif": (encode_image(rgba.convert("LA"), "TIFF"), "without transparency"),
        "lab tif": (encode_image(Image.frombytes("LAB", (8, 8), bytes(192)), "TIFF"), "photometric 8"),
        "gigantic": (gigantic_png(), "of 100000x100000 pixels, more than 100 megapixels"),
    }


@pytest.mark.parametrize("kind", list(refused_files()))
def test_unsupported_files_are_refused_by_name(tmp_path, kind):
    data, message = refused_files()[kind]
    (tmp_path / "odd one.tif").write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read_image(tmp_path / "odd one.tif")
    assert "odd one.tif" in str(caught.value)


def big_tiff() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(smooth_picture()).save(stream, "TIFF", big_tiff=True)
    return stream.getvalue()


def cut_tiff() -> bytes:
    """A TIFF with alpha whose directory is damaged before its number of channels."""
    data = encode_image(Image.fromarray(smooth_picture()).convert("LA"), "TIFF", tiffinfo={270: "x" * 100})
    place = struct.unpack_from("<I", data, data.index(struct.pack("<HHI", 270, 2, 101)) + 8)[0]
    return data.replace(struct.pack("<I", place), struct.pack("<I", len(data)))


@pytest.mark.parametrize("data", [big_tiff(), cut_tiff()])
def test_a_tiff_with_an_unreadable_directory_is_refused(tmp_path, data):
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.tif' is a BigTIFF or is damaged; expected a classic TIFF in gray"):
        read_image(tmp_path / "a.tif")


def test_sixteen_bit_tiff_in_white_is_zero_is_refused(tmp_path):
    data = cv2.imencode(".tif", np.zeros((9, 9), np.uint16))[1].tobytes()
    gray, inverted = struct.pack("<HHIH", 262, 3, 1, 1), struct.pack("<HHIH", 262, 3, 1, 0)
    assert data.count(gray) == 1
    (tmp_path / "a.tif").write_bytes(data.replace(gray, inverted))
    with pytest.raises(ValueError, match=r"a\.tif' is a 16-bit TIFF with photometric 0"):
        read_image(tmp_path / "a.tif")


def odd_bmp() -> bytes:
    """5 bits per channel in words of 32: OpenCV decodes it, Pillow does not open it."""
    header = struct.pack("<IiiHHIIiiIIIII", 40, 30, 20, 1, 32, 3, 2400, 0, 0, 0, 0, 0x7C00, 0x3E0, 0x1F)
    return b"BM" + struct.pack("<IHHI", 54 + 12 + 2400, 0, 0, 54 + 12) + header + bytes(2400)


@pytest.mark.parametrize("data", [encode_image(Image.new("L", (30, 20)), "PNG"), odd_bmp()])
def test_a_limit_on_pixels_holds_with_and_without_a_readable_header(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    assert read_image(tmp_path / "a.png").shape == read_image(tmp_path / "a.png", 600).shape == (20, 30, 3)
    with pytest.raises(ValueError, match=r"a\.png' is an image of 30x20 pixels, more than 0\.000599 megapixels"):
        read_image(tmp_path / "a.png", 599)


FURTHER_FORMATS = [name for name in ("GIF", "PPM", "JPEG2000", "AVIF") if name in FORMATS]


@pytest.mark.parametrize("is_opencv_able", [True, False])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("form", FURTHER_FORMATS)
def test_further_formats_agree_with_pillow(tmp_path, monkeypatch, form, mode, is_opencv_able):
    if form == "PPM" and (mode == "RGBA" or not is_opencv_able):
        return  # holds no transparency, and every OpenCV reads it
    image = Image.fromarray(smooth_picture()).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.where(np.arange(64) < 40, 255, 0).astype(np.uint8)[None].repeat(48, 0)))
    path = tmp_path / f"a{SUFFIXES[form][0]}"
    path.write_bytes(encode_image(image, form))
    if not is_opencv_able:
        monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    rgba = np.asarray(Image.open(path).convert("RGBA"))
    assert np.abs(read_image(path) - composite(rgba)).max() <= 1
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"is not an image or is damaged; expected a complete png, jpg"):
        read_image(path)


@pytest.mark.parametrize("largest", [255, 65535])
def test_netpbm_of_16_bits_is_rounded(tmp_path, largest):
    values = np.random.default_rng(0).integers(0, largest + 1, (40, 50, 3))
    stored = values.astype(np.uint8 if largest == 255 else ">u2").tobytes()
    (tmp_path / "a.ppm").write_bytes(f"P6\n# a comment\n50 40\n{largest}\n".encode() + stored)
    assert np.array_equal(read_image(tmp_path / "a.ppm"), np.round(values / largest * 255))


def test_what_is_no_regular_file_is_refused_without_reading(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name, kind in (("pipe", "a named pipe"), ("folder", "a folder"), ("endless", "a device")):
        with pytest.raises(ValueError, match=rf"{name}\.png' is {kind}, not a file"):
            read_image(tmp_path / f"{name}.png")
    with pytest.raises(OSError, match="loop"):
        read_image(tmp_path / "loop.png")


def test_a_file_too_long_for_an_image_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(ValueError, match=r"a\.png' is a file of 1000 MB, too large for an image of 100 megapixels"):
        read_image(tmp_path / "a.png")


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        read_image(tmp_path / "absent.png")


def test_missing_system_library_says_what_to_install(tmp_path, monkeypatch):
    real_import = builtins.__import__

    def without_opencv(name, *arguments):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return real_import(name, *arguments)

    (tmp_path / "a.png").write_bytes(b"something")
    monkeypatch.setattr(builtins, "__import__", without_opencv)
    with pytest.raises(ImportError, match=r"libGL.so.1.*apt-get install libgl1.*headless"):
        read_image(tmp_path / "a.png")


def test_write_refuses_other_input(tmp_path):
    picture = smooth_picture()
    with pytest.raises(ValueError, match=r"a\.gif.*\.png"):
        write_image(tmp_path / "a.gif", picture)
    for wrong in (picture / 255, picture[..., 0], picture[:0]):
        with pytest.raises(ValueError, match="expected uint8"):
            write_image(tmp_path / "a.png", wrong)


@pytest.mark.parametrize(
    ("name", "side", "match"),
    [
        ("a.gif", 9, "suffix must be one of"),
        ("a", 9, "suffix must be one of"),
        ("a.jpg", 65501, "at most 65500 pixels per side; use .png"),
        ("a.WEBP", 16384, "at most 16383"),
    ],
)
def test_formats_that_cannot_hold_an_image_are_refused(name, side, match):
    with pytest.raises(ValueError, match=match):
        check_format(Path(name), 9, side)
    check_format(Path("a.png"), 10**6, 10**6)
