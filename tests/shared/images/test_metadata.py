"""Colour profile, EXIF and resolution: read from files, and written with a result."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from shared.images import ImageMetadata, fit_to_format, open_image_writer, read_deep_image, read_metadata
from tests.shared.images.test_files import smooth_picture

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKE, ORIENTATION = 0x010F, 0x0112
MAX_PIXELS = 10**6


def make_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[MAKE] = "a camera"
    exif[ORIENTATION] = 6
    exif.get_ifd(0x8769)[0xA002] = 64  # the width, which a result does not share
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    exif[0x8769] = 0  # the place of these, which is filled in when they are stored
    return exif


def read(path: Path) -> ImageMetadata:
    return read_metadata(path.read_bytes())


def save(path: Path, **options: object) -> Path:
    Image.fromarray(smooth_picture()).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_metadata_are_read(tmp_path, suffix):
    resolution = {} if suffix == ".webp" else {"dpi": (300, 150)}
    found = read(save(tmp_path / f"a{suffix}", icc_profile=PROFILE, exif=make_exif(), **resolution))
    assert found.icc_profile == PROFILE
    tags = Image.Exif()
    tags.load(found.exif)
    assert tags[MAKE] == "a camera"
    assert tags.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
    assert ORIENTATION not in tags
    assert 0xA002 not in tags.get_ifd(0x8769)
    if resolution:
        assert found.dpi == pytest.approx((300, 150), abs=0.1)
        assert found.names == ["colour profile", "EXIF", "resolution"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_metadata_are_written(tmp_path, suffix, channels):
    metadata = read(save(tmp_path / "a.jpg", icc_profile=PROFILE, exif=make_exif(), dpi=(72, 72)))
    pixels = smooth_picture()[..., :channels]
    path = tmp_path / f"b{suffix}"
    size = {"height": 48, "width": 64, "channels": channels, "dtype": np.dtype(np.uint8)}
    with open_image_writer(path, **size, metadata=metadata) as write:
        write(pixels)
    again = read(path)
    assert (again.icc_profile, again.exif) == (metadata.icc_profile, metadata.exif)
    if suffix != ".webp":
        assert again.dpi == pytest.approx((72, 72), abs=0.1)
    difference = np.abs(read_deep_image(path, MAX_PIXELS).astype(int) - pixels)
    assert difference.max() == 0 if suffix != ".jpg" else difference.mean() < 4


def test_an_image_without_metadata_or_with_damaged_ones_has_none(tmp_path):
    assert read(save(tmp_path / "a.png")) == ImageMetadata()
    assert read(save(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense")).exif == b""
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    assert read(tmp_path / "a.png") == ImageMetadata()


def test_a_resolution_that_no_format_holds_is_unknown(tmp_path):
    assert read(save(tmp_path / "a.tif", dpi=(4e9, 4e9))).dpi is None


ALL = ImageMetadata(PROFILE, b"x" * 70_000, (72.0, 72.0))
GRAY = ImageMetadata(PROFILE[:16] + b"GRAY" + PROFILE[20:])
CMYK = ImageMetadata(PROFILE[:16] + b"CMYK" + PROFILE[20:])


@pytest.mark.parametrize(
    ("metadata", "suffix", "is_gray", "dropped"),
    [
        (ALL, ".png", False, []),
        (ALL, ".jpg", False, ["EXIF"]),
        (ALL, ".webp", False, ["resolution"]),
        (ALL, ".tif", False, ["colour profile", "EXIF", "resolution"]),
        (ALL, ".png", True, ["colour profile"]),
        (GRAY, ".png", True, []),
        (GRAY, ".webp", True, ["colour profile"]),
        (GRAY, ".png", False, ["colour profile"]),
        (CMYK, ".jpg", False, ["colour profile"]),
        (ImageMetadata(PROFILE + bytes(2**22)), ".png", False, ["colour profile"]),
        (ImageMetadata(), ".bmp", False, []),
    ],
)
def test_what_a_result_cannot_store_or_does_not_fit_is_named(metadata, suffix, is_gray, dropped):
    kept, names = fit_to_format(metadata, suffix, is_gray=is_gray)
    assert names == dropped
    assert kept.names == [name for name in metadata.names if name not in dropped]
