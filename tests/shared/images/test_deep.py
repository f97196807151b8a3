"""Images read and written with their own channels and depth."""

import errno
import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from shared.images import open_image_writer, read_deep_image, read_image
from shared.images.png_rows import ROW_CHUNK, PngRows
from tests.shared.images.test_files import ORIENTATION_TAG, encode_image, gigantic_png, smooth_picture

ROOT = Path(__file__).resolve().parents[3]
MAX_PIXELS = 10**7
CHANNELS_OF = {".png": (1, 2, 3, 4), ".tif": (1, 3), ".bmp": (1, 3), ".webp": (3, 4)}
CASES = [(suffix, channels, np.uint8) for suffix, all_ in CHANNELS_OF.items() for channels in all_]
CASES += [(suffix, channels, np.uint16) for suffix in (".png", ".tif") for channels in CHANNELS_OF[suffix]]


def picture(channels: int, dtype: type, height: int = 70, width: int = 45) -> np.ndarray:
    """Smooth with noise, so that every PNG filter is used; alpha is never 0, where WebP would drop the colours."""
    smooth = np.dstack([smooth_picture(height, width, seed=seed) for seed in (0, 1)])[..., :channels]
    values = smooth.astype(np.int64) * (np.iinfo(dtype).max // 255)
    noise = np.random.default_rng(2).integers(0, 9, values.shape)
    noise[: height // 2] = 0
    values = np.clip(values + noise, 0, np.iinfo(dtype).max)
    if channels in (2, 4):
        values[..., -1] = np.maximum(values[..., -1], 1)
    return values.astype(dtype)


def write(path: Path, image: np.ndarray, rows: int = 29) -> None:
    height, width, channels = image.shape
    with open_image_writer(path, height=height, width=width, channels=channels, dtype=image.dtype) as append:
        for top in range(0, height, rows):
            append(image[top : top + rows])


@pytest.mark.parametrize(("suffix", "channels", "dtype"), CASES)
def test_an_image_written_in_parts_is_read_unchanged(tmp_path, suffix, channels, dtype):
    image = picture(channels, dtype)
    write(tmp_path / f"a{suffix}", image)
    result = read_deep_image(tmp_path / f"a{suffix}", MAX_PIXELS)
    assert result.dtype == dtype
    assert result.flags.c_contiguous
    assert np.array_equal(result, image)
    assert os.listdir(tmp_path) == [f"a{suffix}"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 5), (2 * ROW_CHUNK + 3, 7)])
def test_png_agrees_with_pillow(tmp_path, channels, size):
    image = picture(channels, np.uint8, 200, 60)[: size[0], : size[1]]
    write(tmp_path / "a.png", image, rows=100)
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        assert np.array_equal(np.asarray(opened).reshape(image.shape), image)


def test_png_of_sixteen_bits_agrees_with_opencv(tmp_path):
    image = picture(4, np.uint16, 100, 33)
    write(tmp_path / "a.png", image)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(stored, image[..., [2, 1, 0, 3]])


def test_png_is_no_larger_than_that_of_opencv(tmp_path):
    from skimage import data

    photograph = data.astronaut()
    write(tmp_path / "a.png", photograph)
    by_opencv = cv2.imencode(".png", photograph[..., ::-1])[1]
    assert (tmp_path / "a.png").stat().st_size < len(by_opencv)


def test_formats_without_gray_repeat_it(tmp_path):
    gray = picture(1, np.uint8)
    write(tmp_path / "a.jpg", gray)
    read = read_deep_image(tmp_path / "a.jpg", MAX_PIXELS)
    assert read.shape == gray.shape
    assert np.abs(read.astype(int) - gray).mean() < 4
    write(tmp_path / "gray.webp", gray)
    assert np.array_equal(read_deep_image(tmp_path / "gray.webp", MAX_PIXELS), np.repeat(gray, 3, axis=2))
    gray_and_alpha = picture(2, np.uint8)
    write(tmp_path / "alpha.webp", gray_and_alpha)
    assert np.array_equal(read_deep_image(tmp_path / "alpha.webp", MAX_PIXELS), gray_and_alpha[..., [0, 0, 0, 1]])


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("LA", 2), ("RGB", 3), ("P", 3), ("RGBA", 4)])
def test_channels_are_those_of_the_file(tmp_path, mode, channels):
    image = Image.fromarray(picture(4, np.uint8))
    image = image.convert("RGB").quantize(16) if mode == "P" else image.convert(mode)
    image.save(tmp_path / "a.png")
    expected = np.asarray(image.convert({"P": "RGB", "1": "L"}.get(mode, mode)))
    result = read_deep_image(tmp_path / "a.png", MAX_PIXELS)
    assert result.shape[2] == channels
    assert np.array_equal(result, expected.reshape(result.shape))


def test_opaque_images_agree_with_read_image(tmp_path):
    image = Image.fromarray(smooth_picture())
    for name, options in (("a.jpg", {}), ("a.bmp", {}), ("a.webp", {"lossless": True}), ("cmyk.tif", {})):
        (image.convert("CMYK") if name.startswith("cmyk") else image).save(tmp_path / name, **options)
        assert np.array_equal(read_deep_image(tmp_path / name, MAX_PIXELS), read_image(tmp_path / name))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("form", "mode"), [("PNG", "L"), ("PNG", "RGBA"), ("JPEG", "L"), ("TIFF", "RGB")])
def test_exif_orientation_is_applied(tmp_path, orientation, form, mode):
    image = Image.fromarray(smooth_picture(24, 40)).convert(mode)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    (tmp_path / "a").write_bytes(encode_image(image, form, exif=exif))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a")))
    result = read_deep_image(tmp_path / "a", MAX_PIXELS)
    assert np.abs(result.astype(int) - expected.reshape(result.shape)).max() <= 2


def test_decompression_bombs_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the file was decoded"))
    (tmp_path / "bomb.png").write_bytes(gigantic_png())
    with pytest.raises(ValueError, match=r"bomb\.png' is an image of 100000x100000 pixels, more than 10 megapixels"):
        read_deep_image(tmp_path / "bomb.png", MAX_PIXELS)
    with (tmp_path / "long.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(10**11)  # a sparse file, which needs no space on the disk
    with pytest.raises(ValueError, match=r"long\.png' is a file of 100000 MB, too large"):
        read_deep_image(tmp_path / "long.png", MAX_PIXELS)


@pytest.mark.parametrize("data", [b"", b"nothing of the kind", encode_image(Image.new("L", (300, 200)), "PNG")[:90]])
def test_files_that_are_not_images_are_refused_by_name(tmp_path, data):
    (tmp_path / "odd one.png").write_bytes(data)
    with pytest.raises(ValueError, match=r"odd one\.png' is (empty|not an image or is damaged)"):
        read_deep_image(tmp_path / "odd one.png", MAX_PIXELS)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, suffix, error, monkeypatch):
    path = tmp_path / f"a{suffix}"
    path.write_text("the old one")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write(path, picture(3, np.uint8))
    assert path.read_text() == "the old one"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg"])
def test_a_write_that_fails_halfway_leaves_nothing(tmp_path, suffix):
    """The system limits the size of files, and the image is larger."""
    code = (
        "import resource, sys, numpy as np, pathlib\n"
        "from shared.images.deep import open_image_writer\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)\n"
        "try:\n"
        "    size = {'height': 300, 'width': 300, 'channels': 3, 'dtype': noise.dtype}\n"
        "    with open_image_writer(pathlib.Path(sys.argv[1]), **size) as write:\n"
        "        write(noise)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / f"a{suffix}")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "File too large"
    assert os.listdir(tmp_path) == []


def test_writing_a_png_needs_less_memory_than_the_image():
    class NullFile(io.RawIOBase):
        def write(self, data) -> int:
            return len(data)

    rows = np.zeros((64, 1000, 3), np.uint8)
    tracemalloc.start()
    png = PngRows(NullFile(), height=64 * 40, width=1000, channels=3, dtype=rows.dtype)
    for _ in range(40):
        png.write(rows)
    png.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * rows.nbytes  # the image has 40 times the bytes of these rows
