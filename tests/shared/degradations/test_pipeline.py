import pytest
import torch
from skimage import data
from torch import Tensor

from shared.degradations import degrade, load_space, margin_needed, space_names
from shared.degradations.pipeline import blur_kernels, convolve
from tests.shared.degradations.dasr_reference import gaussian_kernel
from tests.shared.degradations.written_spaces import BLURS, CUT_SHORT, NOISES, draw, every_operation, space_of, without

EVERY = every_operation()
GAUSSIAN = {"gaussian": {"sigma": [0.2, 4.0], "sigma_y": [0.2, 4.0], "theta": [0, "pi"]}}


def pictures(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("name", [*space_names(), "every operation"])
def test_same_pixels_on_any_batch_split_and_for_any_neighbours(name):
    """Bit by bit: rows one by one, in another order, beside other rows, views in two calls."""
    space = EVERY if name == "every operation" else load_space(name)
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


def test_same_pixels_on_any_batch_split_of_the_fused_convolution():
    space = load_space("dasr_aniso")
    degradation = without(draw(space, 19), "quantize")  # rounding would hide the last bits
    images = pictures(19, 1, 3, 76, 76)
    whole = degrade(images, degradation, margin=space.margin())
    parts = [
        degrade(images[i], degradation[i], margin=space.margin()) for i in (slice(0, 1), slice(1, 8), slice(8, 19))
    ]
    assert torch.equal(whole, torch.cat(parts))


@pytest.mark.parametrize("name", [*space_names(), "every operation"])
def test_all_views_of_a_row_get_the_same_degradation(name):
    """One content in two views: equal pixels without noise, and with it another field of the same strength."""
    space = EVERY if name == "every operation" else load_space(name)
    degradation = draw(space, 12, seed=5)
    noiseless = without(degradation, "noise")
    crop = pictures(12, 1, 3, 48, 48)
    clean = degrade(crop.repeat(1, 3, 1, 1, 1), noiseless)
    assert torch.equal(clean[:, 0], clean[:, 1])
    assert torch.equal(clean[:, 0], clean[:, 2])
    noisy = degrade(crop.repeat(1, 2, 1, 1, 1), degradation)
    differs = (noisy[:, 0] != noisy[:, 1]).flatten(1).any(1)
    is_noise = noiseless.operation != degradation.operation
    clear = (is_noise & (degradation.parameters[..., 0] > 4 / 255)).any(1)  # the strength, or Poisson's peak
    assert differs[clear].all()
    assert not differs[~is_noise.any(1)].any()


def test_the_kernel_of_a_row_can_be_read_from_an_impulse_whatever_else_is_there():
    """Blur is linear and the row's own: an impulse on gray shows the kernel (turned by pi, as correlation does)."""
    space = space_of({"one_of": BLURS})
    degradation = draw(space, 16)
    expected = blur_kernels(degradation.operation[:, 0], degradation.parameters[:, 0].double(), 21).flip(1, 2)
    images = torch.full((16, 2, 3, 41, 41), 0.5, dtype=torch.float64)
    images[:, 0, :, 20, 20] += 0.4
    images[:, 1] = pictures(16, 3, 41, 41, dtype=torch.float64)  # the other view's content is of no matter
    out = degrade(images, degradation)
    recovered = (out[:, 0, :, 10:31, 10:31] - 0.5) / 0.4
    for channel in range(3):
        torch.testing.assert_close(recovered[:, channel], expected, atol=1e-12, rtol=0)
    again = degrade(images.roll(1, 0).roll(-1, 0), degradation)
    assert torch.equal(out, again)


def test_changing_the_content_changes_nothing_in_the_degradation():
    blur_and_noise = space_of(GAUSSIAN, {"gaussian_noise": {"noise_sigma": 0.02}})
    degradation = draw(blur_and_noise, 6)
    contents = [0.3 + 0.4 * pictures(6, 2, 3, 32, 32, dtype=torch.float64, seed=seed) for seed in (0, 1)]
    outs = [degrade(content, degradation) for content in contents]
    clean = [degrade(content, without(degradation, "noise")) for content in contents]
    torch.testing.assert_close(outs[0] - clean[0], outs[1] - clean[1], atol=1e-12, rtol=0)  # one noise field
    half = degrade((contents[0] + contents[1]) / 2, without(degradation, "noise"))
    torch.testing.assert_close(half, (clean[0] + clean[1]) / 2, atol=1e-12, rtol=0)  # one linear map
    changed = contents[0].clone()
    changed[1:] = contents[1][1:]
    assert torch.equal(degrade(changed, degradation)[0], outs[0][0])


@pytest.mark.parametrize("name", [*space_names(), "every operation"])
def test_with_its_margin_a_crop_is_the_inside_of_the_whole(name):
    """Linear steps in float64: nothing but the order of sums differs, so 1e-12. Offsets and sizes are multiples of 40,
    where all of the spaces' resizes go to whole sizes: then crop and whole share the sampling grid.
    """
    space = EVERY if name == "every operation" else load_space(name)
    offset = 40 if name in ("second_order", "shuffled", "every operation") else 4 * space.scale
    seen = set()
    for row in range(5):
        degradation = without(draw(space, 1, seed=row), "noise", "jpeg", "quantize")
        margin = margin_needed(degradation)
        assert margin <= space.margin() or name in CUT_SHORT
        side = -(-(8 * space.scale + 2 * margin) // offset) * offset
        whole = pictures(1, 1, 1, side + 2 * offset, side + 2 * offset, dtype=torch.float64, seed=row)
        inside = slice((offset + margin) // space.scale, (offset + side - margin) // space.scale)
        expected = degrade(whole, degradation)[..., inside, inside]
        crop = whole[..., offset : offset + side, offset : offset + side]
        found = degrade(crop, degradation, margin=margin)
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
        seen.add(margin)
        if margin >= 2 * space.scale and degradation.parameters[0, 0, 0] > 1.5 and name in ("blur", "dasr_iso"):
            less = degrade(crop, degradation, margin=0)[..., :1, :1]  # without it the border shows
            there = slice(offset // space.scale, offset // space.scale + 1)
            assert (less - degrade(whole, degradation)[..., there, there]).abs().max() > 1e-6
    assert len(seen) > 1 or name not in ("second_order", "shuffled")


@pytest.mark.parametrize("last", ["bicubic", "bilinear"])
def test_the_margin_covers_the_blocks_of_jpeg(last):
    """A block that touches the crop's border carries its padding 16 pixels inwards. Both sides stand on one 16-pixel
    grid and differ by float64's last digits alone, which may turn a few roundings.
    """
    space = space_of(
        {"gaussian": {"sigma": [1, 3]}}, {last: {"relative_size": "1/4"}}, {"jpeg": {"quality": 50}}, scale=4
    )
    degradation = draw(space, 2)
    margin = margin_needed(degradation)
    photograph = torch.from_numpy(data.astronaut()[:384, 100:484]).permute(2, 0, 1).double() / 255
    whole = photograph.expand(2, 1, -1, -1, -1)
    start, side = 64, 128 + 2 * margin
    if last == "bicubic":  # a simple row is cut before the JPEG: its grid starts at the patch
        start = 64 - margin
    inside = slice((start + margin) // 4, (start + side - margin) // 4)
    found = degrade(whole[..., start : start + side, start : start + side], degradation, margin=margin)
    expected = degrade(whole, degradation)[..., inside, inside]
    if last == "bicubic":  # and chroma is interpolated across the patch's border
        found, expected = found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1]
    assert ((found - expected).abs() > 1e-6).double().mean() < 0.01


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_scale_has_its_size_range_and_type(scale, dtype):
    steps = [GAUSSIAN] + ([{"bicubic": {"relative_size": f"1/{scale}"}}] if scale > 1 else [])
    space = space_of(*steps, {"one_of": NOISES}, {"quantize": {}}, scale=scale)
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
    degradation = without(draw(space, 8), "quantize")
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


def test_the_input_is_left_alone():
    images = pictures(12, 1, 3, 32, 32)
    before = images.clone()
    degrade(images, draw(EVERY, 12))
    assert torch.equal(images, before)
    nothing = space_of({"gaussian": {"sigma": 1}, "probability": 0.0}, {"gaussian_noise": {"noise_sigma": 0}})
    assert torch.equal(degrade(images, draw(nothing, 12)), images)
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "first", [{"gaussian_noise": {"noise_sigma": 0}}, {"bicubic": {"relative_size": 1}}, {"jpeg": {"quality": 90}}]
)
def test_rounding_in_place_never_reaches_the_input(first):
    images = pictures(4, 1, 3, 32, 32)
    before = images.clone()
    degrade(images, draw(space_of({**first, "probability": 0.5}, {"quantize": {}}), 4))
    degrade(images, draw(space_of(first, {"quantize": {}}), 4))
    degrade(images, draw(space_of({"quantize": {}}), 4))
    assert torch.equal(images, before)


def test_strided_convolution_is_blur_then_every_second_pixel():
    images = pictures(3, 2, 3, 30, 34, dtype=torch.float64)
    kernels = torch.from_numpy(gaussian_kernel(2, 1, 0.5)).expand(3, -1, -1)
    full = convolve(images, kernels)
    assert full.shape == (3, 2, 3, 10, 14)
    torch.testing.assert_close(convolve(images, kernels, stride=2), full[..., ::2, ::2])
    others_gone = kernels.clone()
    others_gone[1:] = 0
    torch.testing.assert_close(convolve(images, others_gone)[0], full[0])  # each row has its own kernel


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
    degradation = without(draw(load_space("dasr_iso"), 3), "resize")
    with pytest.raises(ValueError, match=r"ends at \(32, 32\), not at \(8, 8\)"):
        degrade(pictures(3, 1, 3, 32, 32), degradation)
