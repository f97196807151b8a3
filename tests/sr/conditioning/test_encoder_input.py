"""What an encoder sees: the pixel grid that it was trained on, and a bounded number of windows."""

from dataclasses import replace

import pytest
import torch

from shared.artefacts import EncoderArtefact, save_encoder
from shared.encoders import EncoderConfig, build_encoder
from shared.images import cut_textured_windows, upsample_bicubic
from sr.conditioning import CONDITIONINGS, EncoderInput
from sr.conditioning.encoder_choice import read_scale
from sr.model import build_model
from sr.model_artefact import load_model, save_model
from tests.sr.small_models import small_config

WINDOWS = EncoderInput(windows=3, side=20)


def model_with(encoder_input: EncoderInput, fusion: str = "affine", conditioning: str = "frozen"):
    torch.manual_seed(0)
    return build_model(replace(small_config(fusion=fusion, conditioning=conditioning), encoder_input=encoder_input))


@pytest.mark.parametrize("upsampling", [1, 2, 4])
def test_the_vector_is_the_mean_over_windows_on_the_grid(upsampling):
    model = model_with(replace(WINDOWS, upsampling=upsampling)).eval()
    images = torch.rand(2, 3, 70, 50)
    found = model.represent(images)
    for i in range(2):
        windows = cut_textured_windows(images[i, None], 20, 3)[0]
        each = [model.source.encoder(upsample_bicubic(one[None], upsampling).clamp(0, 1)) for one in windows]
        torch.testing.assert_close(found.vector[i], torch.cat([one.vector for one in each]).mean(0))
        for level, map_ in enumerate(found.maps):
            assert map_.shape[2:] == (1, 1)
            means = torch.cat([one.maps[level].mean((2, 3)) for one in each])
            torch.testing.assert_close(map_[i, :, 0, 0], means.mean(0))


def test_a_patch_of_the_training_is_seen_as_a_whole():
    images = torch.rand(2, 3, 20, 20)
    by_windows, whole = (model_with(one).eval().represent(images) for one in (WINDOWS, replace(WINDOWS, windows=0)))
    torch.testing.assert_close(by_windows.vector, whole.vector)


@pytest.mark.parametrize("fusion", ["affine", "multi_scale", "da_conv"])
def test_the_cost_of_a_vector_does_not_grow_with_the_image(fusion):
    model, pixels = model_with(replace(WINDOWS, upsampling=2), fusion).eval(), []
    model.source.encoder.register_forward_hook(lambda _, inputs, __: pixels.append(inputs[0][:, 0].numel()))
    for side in (40, 400):
        model.represent(torch.rand(1, 3, side, side))
    assert pixels == [3 * 40**2, 3 * 40**2]


def test_a_map_is_that_of_the_whole_image():
    config = small_config(conditioning="frozen")
    config = replace(config, fusion_options=type(config.fusion_options)(source="map"))
    model = build_model(replace(config, encoder_input=replace(WINDOWS, upsampling=2))).eval()
    representation = model.represent(torch.rand(1, 3, 48, 32))
    assert representation.maps[0].shape[2:] == (96, 64)


def test_what_the_encoder_sees_is_saved_with_the_model(tmp_path):
    model = model_with(replace(WINDOWS, upsampling=2)).eval()
    save_model(tmp_path, model, card="", metadata={})
    loaded, image = load_model(tmp_path), torch.rand(1, 3, 60, 44)
    assert loaded.config.encoder_input == replace(WINDOWS, upsampling=2)
    assert torch.equal(loaded(image), model(image))


def save(folder, metadata) -> str:
    save_encoder(folder, build_encoder(EncoderConfig(name="dasr")), card="", metadata=metadata)
    return str(folder)


@pytest.mark.parametrize(
    ("metadata", "scale", "upsampling"),
    [
        ({"degradation": "blur"}, 1, 2),
        ({"degradation": "dasr_iso_x2"}, 2, 1),
        ({"degradation": "a file that is gone", "scale": 1}, 1, 2),
        ({"degradation": "a file that is gone"}, None, 1),
    ],
)
def test_the_grid_is_that_of_the_images_that_the_encoder_was_trained_on(tmp_path, metadata, scale, upsampling):
    path = save(tmp_path / "encoder", metadata)
    assert read_scale(EncoderArtefact.open(path)) == scale
    options = CONDITIONINGS["frozen"].options(name="frozen", encoder=path)
    assert options.encoder_input(2, 48) == EncoderInput(upsampling=upsampling, windows=25, side=48)
    for grid, expected in (("lr", 1), ("hr", 2)):
        assert replace(options, grid=grid).encoder_input(2, 48).upsampling == expected


def test_a_new_encoder_sees_the_lr_image():
    options = CONDITIONINGS["joint"].options(name="joint", encoder="dasr")
    assert options.encoder_input(4, 48).upsampling == 1


def test_an_unknown_grid_is_refused():
    with pytest.raises(ValueError, match="conditioning.grid='sr' must be one of auto, lr, hr"):
        CONDITIONINGS["frozen"].options(name="frozen", grid="sr").check()


@pytest.mark.parametrize(
    ("encoder_input", "message"),
    [
        (EncoderInput(side=0), "encoder_input.side=0 must be within 1..4096"),
        (EncoderInput(windows=26), "encoder_input.windows=26 must be within 0..25"),
    ],
)
def test_an_impossible_input_is_refused(encoder_input, message):
    with pytest.raises(ValueError, match=message):
        model_with(encoder_input)


def test_the_card_says_what_the_encoder_sees():
    assert model_with(replace(WINDOWS, upsampling=2)).source.describe() == (
        "The encoder sees the LR image up-sampled by 2; the network reads its vector, the mean over the 3 windows of "
        "20 LR pixels with most texture."
    )
    by_map = model_with(EncoderInput(), "attention3x3:map").source.describe()
    assert by_map == "The encoder sees the LR image; the network reads its map of the whole image."
    assert model_with(EncoderInput(), conditioning="shared").source.describe() == ""


def test_the_representation_is_averaged_over_the_views_of_a_row():
    model = model_with(WINDOWS).eval()
    views = torch.rand(2, 3, 3, 20, 20)
    found = model.represent_views(views)
    each = [model.represent(views[:, v]) for v in range(3)]
    torch.testing.assert_close(found.vector, torch.stack([one.vector for one in each]).mean(0))
    for level, map_ in enumerate(found.maps):
        torch.testing.assert_close(map_, torch.stack([one.maps[level] for one in each]).mean(0))
    known = model.represent_views(views, first=each[0])
    torch.testing.assert_close(known.vector, found.vector)


@pytest.mark.parametrize(("fusion", "reads_vector"), [("two_path", True), ("affine:map", False)])
def test_a_map_is_that_of_the_first_view_alone(fusion, reads_vector):
    model = model_with(WINDOWS, fusion).eval()
    views = torch.rand(2, 3, 3, 20, 20)
    found, first = model.represent_views(views), model.represent(views[:, 0])
    assert first.maps[-1].shape[2:] == (5, 5)
    assert all(torch.equal(one, other) for one, other in zip(found.maps, first.maps, strict=True))
    assert torch.allclose(found.vector, first.vector) != reads_vector  # what is not read is not averaged
