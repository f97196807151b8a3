"""Resizing against reference matrices."""

import cv2
import numpy as np
import pytest
import torch

from shared.degradations.filters import resize
from tests.shared.degradations.dasr_reference import bicubic as reference_bicubic
from tests.shared.degradations.dasr_reference import bicubic_matrix


def pictures(height: int, width: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Draws white noise, (2, 2, 3, height, width), in which no wrong weight can hide."""
    return torch.rand(2, 2, 3, height, width, generator=torch.Generator().manual_seed(height), dtype=dtype)


def apply_to_each(images: torch.Tensor, function) -> np.ndarray:
    """Applies a function of float64 images (H, W, 3) to images (B, V, 3, H, W)."""
    flat = images.double().flatten(0, 1).permute(0, 2, 3, 1).numpy()
    out = np.stack([function(image) for image in flat])
    return out.transpose(0, 3, 1, 2).reshape(*images.shape[:3], *out.shape[1:3])


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bicubic_is_exact_to_the_border(factor, dtype):
    images = pictures(12 * factor, 7 * factor, dtype)
    expected = apply_to_each(images, lambda image: reference_bicubic(image, 12, 7))
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12  # of [0, 1]; the border is not worse than the inside
    found = resize.bicubic(images, (12, 7))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_of_the_smallest_images(factor):
    images = pictures(factor, 2 * factor)
    expected = apply_to_each(images, lambda image: reference_bicubic(image, 1, 2))
    np.testing.assert_allclose(resize.bicubic(images, (1, 2)), expected, atol=1e-12)


@pytest.mark.parametrize(("height", "width", "size"), [(40, 32, (15, 12)), (30, 30, (45, 40)), (33, 47, (10, 12))])
def test_bicubic_by_other_factors_is_exact_inside(height, width, size):
    """Also enlarging. At the border torch renormalises the remaining weights instead of repeating the edge pixel."""
    images = pictures(height, width)
    expected = apply_to_each(images, lambda image: reference_bicubic(image, *size))
    inside = (..., slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(resize.bicubic(images, size)[inside], expected[inside], atol=1e-12)


def test_bicubic_to_the_same_size_is_the_identity():
    images = pictures(9, 11)
    assert torch.equal(resize.bicubic(images, (9, 11)), images)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 8])
def test_bicubic_taps_are_the_row_of_the_matrix(factor):
    taps = resize.bicubic_taps(factor)
    row = bicubic_matrix(24 * factor, 24)[12]
    used = np.flatnonzero(np.abs(row) > 0)
    assert taps.dtype == torch.float64
    assert taps.sum().item() == pytest.approx(1, abs=1e-15)
    expected = row[12 * factor - (len(taps) - factor) // 2 :][: len(taps)]  # centred on the block
    np.testing.assert_allclose(taps, expected, atol=1e-14)
    assert (len(taps) - factor) % 2 == 0
    assert len(taps) >= len(used)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_area_s_fold_and_nearest_by_whole_factors(factor):
    height, width = 6 * factor, 5 * factor
    images = pictures(height, width)
    blocks = images.view(2, 2, 3, 6, factor, 5, factor)
    torch.testing.assert_close(resize.area(images, (6, 5)), blocks.mean((4, 6)))
    assert torch.equal(resize.s_fold(images, (6, 5)), blocks[:, :, :, :, 0, :, 0])
    nearest = resize.nearest(images, (6, 5))
    assert torch.equal(nearest, blocks[:, :, :, :, factor // 2, :, factor // 2])


@pytest.mark.parametrize("size", [(13, 7), (10, 21), (40, 30), (20, 14)])
def test_bilinear_agrees_with_two_taps(size):
    """Coordinates are those of pixel centres; there is no antialiasing; the edge pixel is repeated."""

    def weights(length: int, new: int) -> np.ndarray:
        matrix = np.zeros((new, length))
        for row in range(new):
            position = np.clip((row + 0.5) * length / new - 0.5, 0, length - 1)
            low = int(position)
            matrix[row, low] += 1 - (position - low)
            matrix[row, min(low + 1, length - 1)] += position - low
        return matrix

    images = pictures(20, 14)
    expected = np.einsum("ih,bvchw,jw->bvcij", weights(20, size[0]), images.numpy(), weights(14, size[1]))
    np.testing.assert_allclose(resize.bilinear(images, size), expected, atol=1e-12)


@pytest.mark.parametrize("size", [(13, 7), (10, 21), (40, 30)])
def test_nearest_takes_the_nearest_centre(size):
    images = pictures(20, 14)
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * length / new).astype(int), length - 1)
        for length, new in zip((20, 14), size, strict=True)
    )
    expected = images[..., rows, :][..., columns]
    assert torch.equal(resize.nearest(images, size), expected)


def test_area_of_fractional_blocks_is_the_mean_of_the_touched_pixels():
    images = pictures(20, 14)
    out = resize.area(images, (8, 4))
    for i in range(8):
        rows = slice(i * 20 // 8, -(-(i + 1) * 20 // 8))
        for j in range(4):
            columns = slice(j * 14 // 4, -(-(j + 1) * 14 // 4))
            torch.testing.assert_close(out[..., i, j], images[..., rows, columns].mean((-2, -1)))


@pytest.mark.parametrize("function", [resize.bicubic, resize.bilinear, resize.area, resize.nearest])
@pytest.mark.parametrize("size", [(5, 5), (10, 10), (12, 8), (30, 27)])
def test_a_flat_image_stays_flat(function, size):
    images = torch.full((1, 1, 3, 20, 20), 0.37, dtype=torch.float64)
    torch.testing.assert_close(function(images, size), torch.full((1, 1, 3, *size), 0.37, dtype=torch.float64))


def test_s_fold_refuses_fractions():
    with pytest.raises(ValueError, match=r"whole factor, not \(20, 14\) -> \(8, 7\)"):
        resize.s_fold(pictures(20, 14), (8, 7))
    with pytest.raises(ValueError, match="whole factor"):
        resize.s_fold(pictures(20, 14), (10, 14))


def test_integer_factor():
    images = pictures(20, 12)
    assert resize.integer_factor(images, (5, 3)) == 4
    assert resize.integer_factor(images, (20, 12)) == 1
    for size in ((5, 6), (6, 3), (40, 24), (10, 5)):
        assert resize.integer_factor(images, size) is None


def plain_bicubic_matrix(before: int, after: int) -> np.ndarray:
    """The weights of each output pixel, a = -0.75; the edge pixel stands for those outside."""
    matrix = np.zeros((after, before))
    for row in range(after):
        centre = (row + 0.5) * before / after - 0.5
        for column in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            x, a = abs(column - centre), -0.75
            near = (a + 2) * x**3 - (a + 3) * x**2 + 1
            far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
            matrix[row, np.clip(column, 0, before - 1)] += near if x <= 1 else far if x < 2 else 0
    return matrix


@pytest.mark.parametrize(("height", "width", "size"), [(40, 32, (10, 8)), (30, 30, (45, 40)), (33, 47, (10, 12))])
def test_plain_bicubic_is_that_of_opencv(height, width, size):
    images = pictures(height, width)
    rows, columns = plain_bicubic_matrix(height, size[0]), plain_bicubic_matrix(width, size[1])
    found = resize.plain_bicubic(images, size)
    expected = apply_to_each(images, lambda image: np.einsum("ab,bcd,ec->aed", rows, image, columns))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    opencv = apply_to_each(images, lambda image: cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC))
    np.testing.assert_allclose(found, opencv, atol=1e-5)  # its weights have single precision


@pytest.mark.parametrize("factor", [2, 4])
def test_gaussian_s_fold_is_the_blurred_image_at_the_centre_of_each_block(factor):
    images = pictures(12 * factor, 7 * factor)
    sigma = torch.tensor([0.1, 1.7], dtype=torch.float64)  # the first is the mean of the nearest pixels
    found = resize.gaussian_s_fold(images, (12, 7), sigma)
    reach = resize.GAUSSIAN_S_FOLD_RADIUS
    for row, width in enumerate(sigma.tolist()):
        positions = np.arange(-reach, reach + factor) - (factor - 1) / 2
        taps = np.exp(-0.5 * ((positions**2 - (positions**2).min()) / width**2))
        taps /= taps.sum()
        padded = np.pad(images[row, 1, 2].numpy(), reach, mode="reflect")
        for y, x in ((0, 0), (5, 3), (11, 6)):
            block = padded[y * factor : y * factor + len(taps), x * factor : x * factor + len(taps)]
            assert found[row, 1, 2, y, x].item() == pytest.approx(taps @ block @ taps, abs=1e-12)
    with pytest.raises(ValueError, match="whole factor"):
        resize.gaussian_s_fold(images, (11, 7), sigma)


def test_rescaling_goes_down_and_up_again_row_by_row():
    images = pictures(36, 24)
    found = resize.rescale(images, torch.tensor([1 / 3, 1 / 2], dtype=torch.float64))
    for row, size in enumerate([(12, 8), (18, 12)]):
        expected = resize.plain_bicubic(resize.bicubic(images[row : row + 1], size), (36, 24))
        torch.testing.assert_close(found[row : row + 1], expected)
    same = resize.rescale(images, torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(same, images)
