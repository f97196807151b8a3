"""JPEG against OpenCV's files (libjpeg), and for gray images against scipy's DCT with the tables of such a file."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.fft import dctn, idctn
from skimage import data

from shared.degradations.filters.jpeg import _CHROMINANCE, _LUMINANCE, _scale_table, cropped_jpeg, jpeg

QUALITIES = (10, 30, 60, 90, 100)


def photograph(height: int, width: int) -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[100 : 100 + height, 180 : 180 + width])


def encode_with_opencv(image: np.ndarray, quality: int) -> np.ndarray:
    """Encodes an RGB image, (H, W, 3) uint8, as the bytes of a JPEG file."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]


def compress_with_opencv(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(encode_with_opencv(image, quality), cv2.IMREAD_COLOR)[..., ::-1].astype(float)


def compress(images: list[np.ndarray], qualities: tuple[float, ...]) -> np.ndarray:
    """Compresses B images, (H, W, 3) uint8, to levels (B, H, W, 3)."""
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)[:, None].float() / 255
    out = jpeg(batch, torch.tensor(qualities, dtype=torch.float32)) * 255
    return out[:, 0].permute(0, 2, 3, 1).double().numpy()


def read_tables(quality: int) -> dict[int, np.ndarray]:
    """Reads the two quantisation tables (8, 8) that libjpeg writes."""
    with Image.open(io.BytesIO(encode_with_opencv(photograph(16, 16), quality).tobytes())) as file:
        return {key: np.array(values).reshape(8, 8) for key, values in file.quantization.items()}


@pytest.mark.parametrize(
    ("size", "tolerance"), [((128, 160), 1.0), ((121, 87), 1.0), ((16, 16), 2.5), ((17, 33), 2.5), ((5, 9), 2.5)]
)
def test_agrees_with_opencv_at_every_quality(size, tolerance):
    """Measured mean absolute differences on 128x160, by quality: 0.47, 0.75, 0.81, 0.77, 0.60 levels. The compression
    itself changes images by 7.3 to 1.0. libjpeg rounds its planes to 8 bits between the stages, which moves a few
    coefficients by one step.
    """
    image = photograph(*size)
    compressed = compress([image] * len(QUALITIES), QUALITIES)
    for found, quality in zip(compressed, QUALITIES, strict=True):
        expected = compress_with_opencv(image, quality)
        assert np.abs(found - expected).mean() < tolerance
        damage = [np.abs(coded - image.astype(float)).mean() for coded in (found, expected)]
        assert damage[0] == pytest.approx(damage[1], rel=0.1 if tolerance == 1.0 else 0.4)


def test_every_row_has_its_own_quality():
    image = photograph(48, 64)
    together = compress([image] * 3, (20, 55, 95))
    for row, quality in enumerate((20, 55, 95)):
        assert np.array_equal(together[row], compress([image], (quality,))[0])
    damage = np.abs(together - image).mean((1, 2, 3))
    assert damage[0] > 1.3 * damage[1] > 1.3**2 * damage[2]


def test_views_of_a_row_share_the_quality():
    images = torch.rand(2, 3, 3, 24, 40)
    quality = torch.tensor([15.0, 80.0])
    together = jpeg(images, quality)
    for view in range(3):
        assert torch.equal(together[:, view], jpeg(images[:, view : view + 1], quality)[:, 0])


@pytest.mark.parametrize("quality", [1, 5, 10, 25, 49, 50, 51, 75, 90, 95, 99, 100])
def test_quantisation_tables_agree_with_libjpeg(quality):
    tables = read_tables(quality)
    for key, table in ((0, _LUMINANCE), (1, _CHROMINANCE)):
        found = _scale_table(table, torch.tensor([float(quality)]))[0]
        np.testing.assert_array_equal(found, tables[key])


@pytest.mark.parametrize("quality", [10, 50, 90, 100])
def test_a_gray_image_agrees_with_the_dct_of_scipy(quality):
    """Gray images have no chroma to sub-sample: blocks, DCT, steps and rounding must agree exactly."""
    luma = photograph(40, 56).mean(2).round()
    steps = read_tables(quality)[0]
    images = torch.from_numpy(luma)[None, None, None].expand(1, 1, 3, -1, -1) / 255
    found = jpeg(images, torch.tensor([float(quality)]))[0, 0].numpy() * 255
    assert found.dtype == np.float64
    compared = 0
    for top in range(0, 40, 8):
        for left in range(0, 56, 8):
            block = slice(top, top + 8), slice(left, left + 8)
            scaled = dctn(luma[block] - 128, norm="ortho") / steps
            if is_tie(scaled).any():
                continue
            expected = idctn(np.round(scaled) * steps, norm="ortho") + 128
            clear = ~is_tie(expected)
            compared += clear.sum()
            for channel in found:
                np.testing.assert_allclose(channel[block][clear], np.clip(np.round(expected), 0, 255)[clear], atol=1e-9)
    assert compared > 0.5 * luma.size


def is_tie(values: np.ndarray) -> np.ndarray:
    """Whether values lie half-way between two whole numbers, where the last digit of float64 decides."""
    return np.abs(values - np.floor(values) - 0.5) < 1e-9


@pytest.mark.parametrize("level", [0, 1, 100, 128, 255])
def test_a_flat_gray_image_is_rounded_to_the_quantised_mean(level):
    qualities = (30, 60, 95, 100)
    flat = np.full((24, 40, 3), level, dtype=np.uint8)
    compressed = compress([flat] * 4, qualities)
    for found, quality in zip(compressed, qualities, strict=True):
        step = read_tables(quality)[0][0, 0] / 8  # of the mean
        expected = np.clip(np.round(128 + step * np.round((level - 128) / step)), 0, 255)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.array_equal(compressed[3].round(), flat)  # quality 100 changes nothing


def test_values_are_whole_levels_inside_the_range():
    images = torch.rand(2, 2, 3, 19, 30) * 1.4 - 0.2  # beyond both ends
    out = jpeg(images, torch.tensor([5.0, 70.0]))
    assert out.shape == images.shape
    assert out.min() >= 0
    assert out.max() <= 1
    torch.testing.assert_close(out * 255, (out * 255).round(), atol=1e-4, rtol=0)
    assert torch.equal(out, jpeg(images.clamp(0, 1), torch.tensor([5.0, 70.0])))


def test_chroma_is_sub_sampled_and_luma_is_not():
    """Stripes one pixel wide survive in brightness, but are averaged away in colour."""
    stripes = np.tile(np.array([60, 190], dtype=np.uint8), 16)
    bright = np.broadcast_to(stripes[None, :, None], (32, 32, 3)).copy()
    red = np.stack([bright[..., 0], 255 - bright[..., 0], np.full((32, 32), 128, np.uint8)], -1)
    found_bright = compress([bright], (95,))[0]
    found_red = compress([red], (95,))[0]
    assert np.ptp(found_bright[8]) > 110
    assert np.ptp((found_red[..., 0] - found_red[..., 1])[8]) < 0.5 * np.ptp(red[..., 0].astype(float) - red[..., 1])


def test_an_offset_moves_the_blocks_as_a_crop_does():
    """A crop of a compressed image equals the crop compressed with blocks that begin where those of the image did."""
    image = torch.from_numpy(photograph(96, 112)).permute(2, 0, 1)[None, None].float().expand(3, 1, -1, -1, -1) / 255
    quality = torch.tensor([20.0, 50.0, 80.0])
    whole = jpeg(image, quality)
    x, y = torch.tensor([5, 0, 15]), torch.tensor([3, 7, 0])
    crops = torch.stack([image[row, :, :, y[row] : y[row] + 64, x[row] : x[row] + 80] for row in range(3)])
    found = cropped_jpeg(crops, quality, x.float(), y.float())
    for row in range(3):
        expected = whole[row, :, :, y[row] : y[row] + 64, x[row] : x[row] + 80]
        inside = slice(16, 48)  # blocks that the border of the crop does not cut
        torch.testing.assert_close(found[row][..., inside, inside], expected[..., inside, inside])
    without = cropped_jpeg(crops, quality, x * 0.0, y * 0.0)
    # chroma at the lower and right border is interpolated with that of the next block, of which `jpeg` knows nothing
    torch.testing.assert_close(without[..., :-1, :-1], jpeg(crops, quality)[..., :-1, :-1])
