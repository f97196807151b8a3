"""Degrading in batches: independent of the split, the same for all views, exact with a margin."""

import pytest
import torch
from skimage import data
from torch import Tensor

from shared.degradations import degrade, list_spaces, load_space, required_margin
from shared.degradations.convolution import convolve, make_blur_kernels
from tests.shared.degradations.dasr_reference import gaussian_kernel
from tests.shared.degradations.example_spaces import (
    BLURS,
    NOISES,
    SPACES_WITH_SHORT_MARGIN,
    draw,
    make_full_space,
    make_space,
    remove_steps,
)

FULL_SPACE = make_full_space()
GAUSSIAN = {"gaussian": {"sigma": [0.2, 4.0], "sigma_y": [0.2, 4.0], "theta": [0, "pi"]}}


def pictures(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("name", [*list_spaces(), "every operation"])
def test_pixels_depend_neither_on_the_batch_split_nor_on_the_other_rows(name):
    """Bit by bit: rows one by one, in another order, with other rows, views in two calls."""
    space = FULL_SPACE if name == "every operation" else load_space(name)
    degradation = draw(space, 9, seed=3)
    side = 40 if space.scale == 4 else 36
    images = pictures(9, 2, 3, side, side)
    for margin in (0, 8 if space.scale == 4 else 12):
        whole = degrade(images, degradation, margin=margin)
        alone = [degrade(images[i : i + 1], degradation[[i]], margin=margin) for i in range(9)]
        assert torch.equal(whole, torch.cat(alone))
        order = torch.tensor([4, 0, 8, 2])
        assert torch.equal(degrade(images[order], degradation[order], margin=margin), whole[order])
        first = degrade(images[:, :1], degradation, margin=margin)
        second = degrade(images[:, 1:], degradation, margin=margin, first_view=1)
        assert torch.equal(whole, torch.cat((first, second), 1))


def test_pixels_of_the_fused_convolution_do_not_depend_on_the_batch_split():
    space = load_space("dasr_aniso")
    degradation = remove_steps(draw(space, 19), "quantize")  # rounding would hide the last bits
    images = pictures(19, 1, 3, 76, 76)
    whole = degrade(images, degradation, margin=space.margin())
    parts = [
        degrade(images[i], degradation[i], margin=space.margin()) for i in (slice(0, 1), slice(1, 8), slice(8, 19))
    ]
    assert torch.equal(whole, torch.cat(parts))


@pytest.mark.parametrize("name", [*list_spaces(), "every operation"])
def test_all_views_of_a_row_get_the_same_degradation(name):
    """Views of the same content are equal without noise, and differ in rows with visible noise."""
    space = FULL_SPACE if name == "every operation" else load_space(name)
    degradation = draw(space, 12, seed=5)
    noiseless = remove_steps(degradation, "noise")
    crop = pictures(12, 1, 3, 48, 48)
    clean = degrade(crop.repeat(1, 3, 1, 1, 1), noiseless)
    assert torch.equal(clean[:, 0], clean[:, 1])
    assert torch.equal(clean[:, 0], clean[:, 2])
    noisy = degrade(crop.repeat(1, 2, 1, 1, 1), degradation)
    differs = (noisy[:, 0] != noisy[:, 1]).flatten(1).any(1)
    is_noise = noiseless.operation != degradation.operation
    is_visible = (is_noise & (degradation.parameters[..., 0] > 4 / 255)).any(1)  # the strength, or Poisson's peak
    assert differs[is_visible].all()
    assert not differs[~is_noise.any(1)].any()


def test_an_impulse_shows_the_kernel_of_its_row():
    """Blur is linear and belongs to the row: an impulse on gray shows the kernel, rotated by pi by the correlation."""
    space = make_space({"one_of": BLURS})
    degradation = draw(space, 16)
    expected = make_blur_kernels(degradation.operation[:, 0], degradation.parameters[:, 0].double(), 21).flip(1, 2)
    images = torch.full((16, 2, 3, 41, 41), 0.5, dtype=torch.float64)
    images[:, 0, :, 20, 20] += 0.4
    images[:, 1] = pictures(16, 3, 41, 41, dtype=torch.float64)  # the content of the other view has no effect
    out = degrade(images, degradation)
    recovered = (out[:, 0, :, 10:31, 10:31] - 0.5) / 0.4
    for channel in range(3):
        torch.testing.assert_close(recovered[:, channel], expected, atol=1e-12, rtol=0)
    again = degrade(images.roll(1, 0).roll(-1, 0), degradation)
    assert torch.equal(out, again)


def test_the_degradation_does_not_depend_on_the_content():
    blur_and_noise = make_space(GAUSSIAN, {"gaussian_noise": {"noise_sigma": 0.02}})
    degradation = draw(blur_and_noise, 6)
    contents = [0.3 + 0.4 * pictures(6, 2, 3, 32, 32, dtype=torch.float64, seed=seed) for seed in (0, 1)]
    outs = [degrade(content, degradation) for content in contents]
    clean = [degrade(content, remove_steps(degradation, "noise")) for content in contents]
    torch.testing.assert_close(outs[0] - clean[0], outs[1] - clean[1], atol=1e-12, rtol=0)  # the same noise field
    half = degrade((contents[0] + contents[1]) / 2, remove_steps(degradation, "noise"))
    torch.testing.assert_close(half, (clean[0] + clean[1]) / 2, atol=1e-12, rtol=0)  # the same linear map
    changed = contents[0].clone()
    changed[1:] = contents[1][1:]
    assert torch.equal(degrade(changed, degradation)[0], outs[0][0])


@pytest.mark.parametrize("name", [*list_spaces(), "every operation"])
def test_a_crop_with_its_margin_agrees_with_the_whole_image(name):
    """Linear steps in float64 differ only by the order of sums, hence 1e-12. Offsets and sizes are multiples of 40, for
    which all resizes of the spaces give whole sizes, so that crop and whole image share the sampling grid.
    """
    space = FULL_SPACE if name == "every operation" else load_space(name)
    offset = 40 if name in ("second_order", "shuffled", "every operation") else 4 * space.scale
    margins = set()
    for row in range(5):
        degradation = remove_steps(draw(space, 1, seed=row), "noise", "jpeg", "quantize")
        margin = required_margin(degradation)
        assert margin <= space.margin() or name in SPACES_WITH_SHORT_MARGIN
        side = -(-(8 * space.scale + 2 * margin) // offset) * offset
        whole = pictures(1, 1, 1, side + 2 * offset, side + 2 * offset, dtype=torch.float64, seed=row)
        inside = slice((offset + margin) // space.scale, (offset + side - margin) // space.scale)
        expected = degrade(whole, degradation)[..., inside, inside]
        crop = whole[..., offset : offset + side, offset : offset + side]
        found = degrade(crop, degradation, margin=margin)
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
        margins.add(margin)
        if margin >= 2 * space.scale and degradation.parameters[0, 0, 0] > 1.5 and name in ("blur", "dasr_iso"):
            without_margin = degrade(crop, degradation, margin=0)[..., :1, :1]
            corner = slice(offset // space.scale, offset // space.scale + 1)
            assert (without_margin - degrade(whole, degradation)[..., corner, corner]).abs().max() > 1e-6
    assert len(margins) > 1 or name not in ("second_order", "shuffled")


@pytest.mark.parametrize("last", ["bicubic", "bilinear"])
def test_the_margin_covers_the_blocks_of_jpeg(last):
    """A block that touches the border of the crop carries the padding 16 pixels inwards. Crop and whole image share the
    16-pixel grid and differ by the last digits of float64 alone, which may change a few roundings.
    """
    space = make_space(
        {"gaussian": {"sigma": [1, 3]}}, {last: {"relative_size": "1/4"}}, {"jpeg": {"quality": 50}}, scale=4
    )
    degradation = draw(space, 2)
    margin = required_margin(degradation)
    photograph = torch.from_numpy(data.astronaut()[:384, 100:484]).permute(2, 0, 1).double() / 255
    whole = photograph.expand(2, 1, -1, -1, -1)
    start, side = 64, 128 + 2 * margin
    if last == "bicubic":  # the margin of a simple row is cut before the JPEG, so that the grid starts at the patch
        start = 64 - margin
    inside = slice((start + margin) // 4, (start + side - margin) // 4)
    found = degrade(whole[..., start : start + side, start : start + side], degradation, margin=margin)
    expected = degrade(whole, degradation)[..., inside, inside]
    if last == "bicubic":  # and chroma is interpolated across the border of the patch
        found, expected = found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1]
    assert ((found - expected).abs() > 1e-6).double().mean() < 0.01


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_scale_has_its_size_range_and_type(scale, dtype):
    steps = [GAUSSIAN] + ([{"bicubic": {"relative_size": f"1/{scale}"}}] if scale > 1 else [])
    space = make_space(*steps, {"one_of": NOISES}, {"quantize": {}}, scale=scale)
    degradation = draw(space, 4)
    for margin in (0, scale, space.margin()):
        out = degrade(pictures(4, 2, 3, 32 * scale, 36 * scale, dtype=dtype), degradation, margin=margin)
        cut = 2 * margin // scale
        assert out.shape == (4, 2, 3, 32 - cut, 36 - cut)
        assert out.dtype == dtype
        assert out.min() >= 0
        assert out.max() <= 1
        torch.testing.assert_close(out * 255, (out * 255).round(), atol=1e-4, rtol=0)


def test_float32_and_float64_agree():
    space = load_space("dasr_aniso")
    degradation = remove_steps(draw(space, 8), "quantize")
    images = pictures(8, 1, 3, 64, 64, dtype=torch.float64)
    for margin in (0, 16):
        double = degrade(images, degradation, margin=margin)
        torch.testing.assert_close(
            degrade(images.float(), degradation, margin=margin).double(), double, atol=2e-6, rtol=0
        )


def test_autocast_does_not_change_the_result():
    for name in ("blur_noise", "dasr_aniso", "second_order"):
        space = load_space(name)
        degradation, images = draw(space, 4), pictures(4, 1, 3, 64, 64)
        for margin in (0, 16):
            expected = degrade(images, degradation, margin=margin)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = degrade(images, degradation, margin=margin)
            assert found.dtype == torch.float32
            assert torch.equal(found, expected)


def test_the_input_stays_unchanged():
    images = pictures(12, 1, 3, 32, 32)
    before = images.clone()
    degrade(images, draw(FULL_SPACE, 12))
    assert torch.equal(images, before)
    nothing = make_space({"gaussian": {"sigma": 1}, "probability": 0.0}, {"gaussian_noise": {"noise_sigma": 0}})
    assert torch.equal(degrade(images, draw(nothing, 12)), images)
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "first", [{"gaussian_noise": {"noise_sigma": 0}}, {"bicubic": {"relative_size": 1}}, {"jpeg": {"quality": 90}}]
)
def test_rounding_in_place_never_changes_the_input(first):
    images = pictures(4, 1, 3, 32, 32)
    before = images.clone()
    degrade(images, draw(make_space({**first, "probability": 0.5}, {"quantize": {}}), 4))
    degrade(images, draw(make_space(first, {"quantize": {}}), 4))
    degrade(images, draw(make_space({"quantize": {}}), 4))
    assert torch.equal(images, before)


def test_a_strided_convolution_is_every_second_pixel_of_a_blur():
    images = pictures(3, 2, 3, 30, 34, dtype=torch.float64)
    kernels = torch.from_numpy(gaussian_kernel(2, 1, 0.5)).expand(3, -1, -1)
    full = convolve(images, kernels)
    assert full.shape == (3, 2, 3, 10, 14)
    torch.testing.assert_close(convolve(images, kernels, stride=2), full[..., ::2, ::2])
    only_first = kernels.clone()
    only_first[1:] = 0
    torch.testing.assert_close(convolve(images, only_first)[0], full[0])  # each row has its own kernel


def test_wrong_shapes_are_refused():
    degradation = draw(load_space("dasr_iso"), 3)
    with pytest.raises(ValueError, match="2 rows of images for 3 degradations"):
        degrade(pictures(2, 1, 3, 32, 32), degradation)
    with pytest.raises(ValueError, match="height 30, width 32 and margin 0 must be multiples of the scale 4"):
        degrade(pictures(3, 1, 3, 30, 32), degradation)
    with pytest.raises(ValueError, match="width 31"):
        degrade(pictures(3, 1, 3, 32, 31), degradation)
    with pytest.raises(ValueError, match="margin 6"):
        degrade(pictures(3, 1, 3, 32, 32), degradation, margin=6)
    with pytest.raises(ValueError, match="nothing is left.*margin of 16"):
        degrade(pictures(3, 1, 3, 32, 32), degradation, margin=16)
    with pytest.raises(ValueError, match=r"\(B, V, C, H, W\)"):
        degrade(pictures(3, 3, 32, 32), degradation)


def test_a_degradation_that_ends_at_another_size_is_refused():
    degradation = remove_steps(draw(load_space("dasr_iso"), 3), "resize")
    with pytest.raises(ValueError, match=r"ends at \(32, 32\), not at \(8, 8\)"):
        degrade(pictures(3, 1, 3, 32, 32), degradation)
