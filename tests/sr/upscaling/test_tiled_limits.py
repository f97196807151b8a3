"""Little memory, large images, and what is refused."""

import logging

import pytest
import torch
from torch import Tensor

from shared.encoders import Representation
from shared.images import spread_windows, upsample_bicubic
from sr.conditioning import EncoderInput
from sr.conditioning.adapter import Condition
from sr.model import SRModel
from sr.upscaling.tile_conditions import max_encoder_pixels
from sr.upscaling.tiled import Upscaling, upscale
from sr.upscaling.tiles import Tiling
from tests.sr.upscaling.whole_images import SMALL, largest_difference, photograph, small_model, upscale_whole


def test_an_image_too_large_for_the_encoder_is_encoded_in_windows(monkeypatch):
    """The result is nearly the same, in bounded memory."""
    model, image = small_model(fusion="multi_scale:map"), photograph(230, 260)
    whole = upscale_whole(model, image)
    monkeypatch.setattr("sr.upscaling.tile_conditions.MAX_ENCODER_BYTES", 2 * 10**7)
    monkeypatch.setattr("sr.upscaling.tile_conditions.WINDOW_SIDE", 64)
    assert 64**2 < max_encoder_pixels(model) < 200**2
    sizes = []
    represent = model.represent
    monkeypatch.setattr(model, "represent", lambda images: sizes.append(images.shape[-2:]) or represent(images))
    result = upscale(model, image, **SMALL)
    assert max(max(size) for size in sizes) <= 96 + 2 * 64 + 32
    assert largest_difference(result, whole) < 0.1 * largest_difference(upsample_bicubic(image[None], 2)[0], whole)


@pytest.mark.parametrize("conditioning", ["joint", "distilled"])
def test_an_encoder_that_pools_the_whole_image_needs_memory_for_its_maps(conditioning):
    pixels, pixels_enlarged = (
        max_encoder_pixels(small_model(fusion="affine", conditioning=conditioning, encoder_input=EncoderInput(factor)))
        for factor in (1, 2)
    )
    assert 200**2 < pixels < 4000**2
    assert pixels_enlarged * 4 == pytest.approx(pixels, rel=0.01)


def test_every_tile_of_an_image_in_windows_has_one_mean_of_the_map(monkeypatch):
    model, image = small_model(fusion="attention3x3:map"), photograph(230, 260)
    monkeypatch.setattr("sr.upscaling.tile_conditions.MAX_ENCODER_BYTES", 2 * 10**7)
    monkeypatch.setattr("sr.upscaling.tile_conditions.WINDOW_SIDE", 64)
    windows = spread_windows(230, 260, 64, 16)
    with torch.no_grad():
        means = [
            model.network.adapter(model.represent(window.crop(image)[None]), (64, 64)).map_mean for window in windows
        ]
    means_of_tiles, calls = [], []
    forward, represent = model.network.forward, model.represent

    def record(*given, condition: Condition, **options) -> Tensor:
        calls.append("tile")
        means_of_tiles.append(condition.map_mean)
        return forward(*given, condition=condition, **options)

    monkeypatch.setattr(model.network, "forward", record)
    monkeypatch.setattr(model, "represent", lambda images: calls.append("encoder") or represent(images))
    upscale(model, image, **SMALL)
    assert len(means_of_tiles) > 4
    assert all(torch.equal(mean, means_of_tiles[0]) for mean in means_of_tiles)
    torch.testing.assert_close(means_of_tiles[0], torch.stack(means).mean(0))
    assert means_of_tiles[0].abs().max() > 0.1
    # one call per window, one for the first tile with its margin
    assert calls.index("tile") == len(windows) + 1


def limit_memory(model: SRModel, monkeypatch, side: int) -> list[int]:
    """Lets the network run out of memory above a side; returns a list that collects the sides below it."""
    forward, sides = model.network.forward, []

    def limited(lr_image: Tensor, *rest, **options) -> Tensor:
        if max(lr_image.shape[-2:]) > side:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        sides.append(max(lr_image.shape[-2:]))
        return forward(lr_image, *rest, **options)

    monkeypatch.setattr(model.network, "forward", limited)
    return sides


def test_out_of_memory_shrinks_the_tiles_with_a_warning(monkeypatch, caplog):
    model, image = small_model(), photograph(170, 260)
    expected = upscale_whole(model, image)
    sides = limit_memory(model, monkeypatch, 80)
    caplog.set_level(logging.WARNING)
    job = Upscaling(model, image, tiling=Tiling(256, 32))
    result = torch.zeros_like(expected)
    for top, left, part in job.rectangles():
        result[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    assert job.tiling == Tiling(64, 16)
    assert max(sides) == 64
    assert largest_difference(result, expected) < 1e-5
    message = "out of memory with tiles of 256 px; continuing with 128 px"
    assert [one.message for one in caplog.records] == [message, message.replace("128", "64").replace("256", "128")]


def test_out_of_memory_with_the_smallest_tile_is_an_error(monkeypatch):
    model = small_model()
    limit_memory(model, monkeypatch, 20)
    with pytest.raises(ValueError, match="too little memory even for tiles of 64 px"):
        upscale(model, photograph(60, 100))


def test_an_encoder_out_of_memory_encodes_windows(monkeypatch):
    model, image = small_model(fusion="da_conv"), photograph(150, 180)
    monkeypatch.setattr("sr.upscaling.tile_conditions.WINDOW_SIDE", 64)
    represent = model.represent

    def limited(images: Tensor) -> Representation:
        if images.shape[-1] > 64:
            raise torch.OutOfMemoryError
        return represent(images)

    monkeypatch.setattr(model, "represent", limited)
    assert upscale(model, image).shape == (3, 300, 360)
    monkeypatch.setattr("sr.upscaling.tile_conditions.WINDOW_SIDE", 65)
    with pytest.raises(ValueError, match="too little memory for the encoder"):
        upscale(model, image)


def test_the_model_and_gradients_are_left_as_they_were():
    model = small_model().train()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    image = photograph(40, 130).requires_grad_()
    result = upscale(model, image, **SMALL)
    assert not result.requires_grad
    assert torch.is_grad_enabled()
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert float(result.min()) >= 0
    assert float(result.max()) <= 1


@pytest.mark.parametrize(
    ("image", "options", "match"),
    [
        (torch.rand(3, 15, 40), {}, "the image has 40x15 pixels, but each side needs at least 16"),
        (torch.rand(3, 40, 40), {"reference": torch.rand(3, 9, 40)}, "the reference has 40x9 pixels"),
        (torch.rand(1, 3, 40, 40), {}, r"image must be \(3, h, w\)"),
        (torch.rand(3, 40, 40).byte(), {}, "floating point in .* not torch.uint8"),
        (torch.rand(3, 40, 40), {"tile": 100}, "tile=100 must be a multiple of 32, at least 64"),
        (torch.rand(3, 40, 40), {"tile": 32}, "tile=32"),
        (torch.rand(3, 40, 40), {"overlap": 20}, "overlap=20 must be a multiple of 16, at most 64"),
        (torch.rand(3, 40, 40), {"tile": 64, "overlap": 32}, "overlap=32 .* at most 16"),
    ],
)
def test_what_cannot_be_done_is_refused(image, options, match):
    with pytest.raises(ValueError, match=match):
        upscale(small_model(conditioning="none"), image, **options)


def test_an_oracle_is_refused():
    with pytest.raises(ValueError, match="oracle"):
        upscale(small_model(fusion="da_conv", conditioning="oracle"), torch.rand(3, 20, 20))
