"""Colour profile, EXIF and resolution: read from files, and written with a result."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from shared.images import ImageMetadata, open_image_writer, read_deep_image, read_metadata
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


def save(path: Path, **options: object) -> Path:
    Image.fromarray(smooth_picture()).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_metadata_are_read(tmp_path, suffix):
    resolution = {} if suffix == ".webp" else {"dpi": (300, 150)}
    found = read_metadata(
        save(tmp_path / f"a{suffix}", icc_profile=PROFILE, exif=make_exif(), **resolution), MAX_PIXELS
    )
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
    metadata = read_metadata(save(tmp_path / "a.jpg", icc_profile=PROFILE, exif=make_exif(), dpi=(72, 72)), MAX_PIXELS)
    pixels = smooth_picture()[..., :channels]
    path = tmp_path / f"b{suffix}"
    size = {"height": 48, "width": 64, "channels": channels, "dtype": np.dtype(np.uint8)}
    with open_image_writer(path, **size, metadata=metadata) as write:
        write(pixels)
    again = read_metadata(path, MAX_PIXELS)
    assert (again.icc_profile, again.exif) == (metadata.icc_profile, metadata.exif)
    if suffix != ".webp":
        assert again.dpi == pytest.approx((72, 72), abs=0.1)
    difference = np.abs(read_deep_image(path, MAX_PIXELS).astype(int) - pixels)
    assert difference.max() == 0 if suffix != ".jpg" else difference.mean() < 4


def test_an_image_without_metadata_or_with_damaged_ones_has_none(tmp_path):
    assert read_metadata(save(tmp_path / "a.png"), MAX_PIXELS) == ImageMetadata()
    assert read_metadata(save(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense"), MAX_PIXELS).exif == b""
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    assert read_metadata(tmp_path / "a.png", MAX_PIXELS) == ImageMetadata()


def test_the_profile_of_a_cmyk_image_is_left_out(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(smooth_picture()).convert("CMYK").save(stream, "JPEG", icc_profile=PROFILE)
    (tmp_path / "a.jpg").write_bytes(stream.getvalue())
    assert read_metadata(tmp_path / "a.jpg", MAX_PIXELS).icc_profile == b""


def test_a_resolution_that_no_format_holds_is_unknown(tmp_path):
    assert read_metadata(save(tmp_path / "a.tif", dpi=(4e9, 4e9)), MAX_PIXELS).dpi is None


def test_the_profile_of_a_gray_image_is_not_given_to_colours(tmp_path):
    gray = PROFILE[:16] + b"GRAY" + PROFILE[20:]
    size = {"height": 48, "width": 64, "channels": 1, "dtype": np.dtype(np.uint8)}
    for suffix, expected in ((".png", gray), (".jpg", gray), (".webp", b"")):
        with open_image_writer(tmp_path / f"a{suffix}", **size, metadata=ImageMetadata(gray)) as write:
            write(smooth_picture()[..., :1])
        assert read_metadata(tmp_path / f"a{suffix}", MAX_PIXELS).icc_profile == expected
