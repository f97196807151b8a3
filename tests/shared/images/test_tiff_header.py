"""Tags of a TIFF that change what its samples mean: understood ones are decoded rightly, others refused by name."""

import struct
from pathlib import Path

import numpy as np
import pytest

from shared.images import read_image
from shared.images.tiff_header import read_tiff_header

SHORT, LONG = 3, 4
HEIGHT, WIDTH = 20, 24
REVERSED = np.array([int(f"{value:08b}"[::-1], 2) for value in range(256)], np.uint8)


def make_tiff(data: bytes, *, bits: int = 8, samples: int = 1, photometric: int = 1, **tags: int) -> bytes:
    """Makes a TIFF of one strip; `tags` are further ones, such as `t266=2`."""
    values = {256: [WIDTH], 257: [HEIGHT], 258: [bits] * samples, 259: [1], 262: [photometric], 273: [0]}
    values |= {277: [samples], 278: [HEIGHT], 279: [len(data)]} | {int(tag[1:]): [value] for tag, value in tags.items()}
    entries, blobs = b"", b""
    start = 8 + 2 + 12 * len(values) + 4
    strip = start + 2 * samples * (samples > 2)
    for tag in sorted(values):
        kind, form = (LONG, "I") if tag in (256, 257, 273, 278, 279) else (SHORT, "H")
        found = [strip] if tag == 273 else values[tag]
        content = struct.pack(f"<{len(found)}{form}", *found)
        if len(content) > 4:
            blobs, content = blobs + content, struct.pack("<I", start + len(blobs))
        entries += struct.pack("<HHI", tag, kind, len(found)) + content.ljust(4, b"\0")
    return struct.pack("<2sHIH", b"II", 42, 8, len(values)) + entries + bytes(4) + blobs + data


def read(folder: Path, data: bytes) -> np.ndarray:
    (folder / "a.tif").write_bytes(data)
    return read_image(folder / "a.tif")


@pytest.fixture
def gray() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_interleaved_channels_of_8_and_16_bits(tmp_path, colours):
    assert np.array_equal(read(tmp_path, make_tiff(colours.tobytes(), samples=3, photometric=2)), colours)
    deep = (colours.astype("<u2") * 257).tobytes()
    assert np.array_equal(read(tmp_path, make_tiff(deep, bits=16, samples=3, photometric=2)), colours)


def test_bits_in_reverse_order(tmp_path, gray):
    stored = REVERSED[gray].tobytes()
    assert np.array_equal(read(tmp_path, make_tiff(stored, t266=2))[..., 0], gray)


def test_white_is_zero_and_one_bit(tmp_path, gray):
    assert np.array_equal(read(tmp_path, make_tiff(gray.tobytes(), photometric=0))[..., 0], 255 - gray)
    bits = gray > 127
    assert np.array_equal(read(tmp_path, make_tiff(np.packbits(bits, 1).tobytes(), bits=1))[..., 0], 255 * bits)


def test_planes_of_8_bits_are_read_and_of_16_refused(tmp_path, colours):
    tifffile = pytest.importorskip("tifffile")
    planes = colours.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", planes, planarconfig="separate", photometric="rgb")
    assert np.array_equal(read_image(tmp_path / "a.tif"), colours)
    tifffile.imwrite(tmp_path / "a.tif", planes.astype(np.uint16) * 257, planarconfig="separate", photometric="rgb")
    with pytest.raises(ValueError, match=r"a\.tif' is a 16-bit TIFF whose channels are in separate planes"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"bits": 12}, "BitsPerSample is 12"),
        ({"bits": 4}, "BitsPerSample is 4"),
        ({"t266": 3}, "FillOrder is 3"),
        ({"t284": 9}, "PlanarConfiguration is 9"),
        ({"t254": 1}, "NewSubfileType is 1"),
        ({"t254": 4}, "NewSubfileType is 4"),
        ({"t332": 2}, "InkSet is 2"),
        ({"t346": 1}, "Indexed is 1"),
        ({"t32997": 5}, "ImageDepth is 5"),
        ({"t32998": 2}, "TileDepth is 2"),
    ],
)
def test_tags_that_are_not_understood_are_refused_by_name(tmp_path, gray, tags, name):
    with pytest.raises(ValueError, match=rf"a\.tif' is a TIFF whose {name}; expected a classic TIFF"):
        read(tmp_path, make_tiff(gray.tobytes() + bytes(HEIGHT * WIDTH), **tags))


def test_channels_of_different_depth_are_refused(gray):
    data = make_tiff(3 * gray.tobytes(), samples=3, photometric=2).replace(
        struct.pack("<3H", 8, 8, 8), struct.pack("<3H", 8, 16, 8)
    )
    assert "BitsPerSample is 16, 8" in read_tiff_header(data).refusal
