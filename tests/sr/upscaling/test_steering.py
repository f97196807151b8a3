"""Parameters that a user gives: their words and units, what they replace, and the models that take them."""

import math
import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from shared.degradations import SUMMARY_RANGES, Degradation, Space, summarise_as_vector
from shared.degradations.filters.kernels import gaussian
from shared.images import dihedral
from sr.conditioning import CONDITIONINGS, EncoderInput
from sr.conditioning.parametric_sources import represent_parameters
from sr.model import build_model
from sr.model_artefact import save_model
from sr.upscale import main
from sr.upscaling.config import Steering
from sr.upscaling.steering import describe_parameters, find_untrained, no_degradation, replace_parameters, weaken
from sr.upscaling.tiled import upscale
from tests.sr.small_models import small_config
from tests.sr.upscaling.upscale_files import save_image
from tests.sr.upscaling.whole_images import SMALL, largest_difference, photograph, small_model, upscale_whole

LONG = Steering(blur=1.5, blur_ratio=3, blur_angle=30, noise=4)
PATTERNS = {
    "blur": r"blur ([\d.]+) px",
    "blur_ratio": r"ratio ([\d.]+)",
    "blur_angle": r"longer at (\d+) degrees",
    "noise": r"noise (\d+)",
    "jpeg_quality": r"JPEG quality (\d+)",
}


def draw(*steps: dict) -> Degradation:
    space = Space({"scale": 2, "steps": [*steps, {"bicubic": {"relative_size": "1/2"}}, {"quantize": {}}]}, "test")
    return space.draw(1, torch.Generator().manual_seed(0))


def vector_of(*steps: dict) -> Tensor:
    return summarise_as_vector(draw(*steps))


def test_no_degradation_is_that_of_training():
    torch.testing.assert_close(no_degradation(), vector_of(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"gaussian": {"sigma": 1.8}}], "blur 1.8 px, noise 0"),
        ([{"gaussian": {"sigma": 0.6}}, {"gaussian_noise": {"noise_sigma": "5/255"}}], "blur 0.7 px, noise 5"),
        ([{"jpeg": {"quality": 60}}], "blur 0.3 px, noise 0, JPEG quality 60"),
        (
            [{"gaussian": {"sigma": 3.0, "sigma_y": 1.0, "theta": "pi/6"}}],
            "blur 1.8 px, ratio 2.9, longer at 30 degrees, noise 0",
        ),
        (
            [{"gaussian": {"sigma": 2.0, "sigma_y": 0.6, "theta": "5*pi/6"}}, {"jpeg": {"quality": 40}}],
            "blur 1.2 px, ratio 3.0, longer at 150 degrees, noise 0, JPEG quality 40",
        ),
    ],
)
def test_what_is_printed_can_be_given(steps, words):
    """The parameters of the words are those that training computes, up to rounding."""
    true = vector_of(*steps)
    assert describe_parameters(true, Steering()) == words
    found = {name: re.search(pattern, words) for name, pattern in PATTERNS.items()}
    given = Steering(**{name: float(match[1]) for name, match in found.items() if match})
    given.check()
    torch.testing.assert_close(replace_parameters(no_degradation(), given), true, rtol=0, atol=0.025)
    assert describe_parameters(true, given).count("(given)") == len(given.given)


def test_one_value_is_replaced_and_the_others_are_kept():
    read = vector_of({"gaussian": {"sigma": 3.0, "sigma_y": 1.0, "theta": "pi/6"}}, {"jpeg": {"quality": 40}})
    changed = {
        "blur": ["log_sigma"],
        "noise": ["noise_sigma"],
        "jpeg_quality": ["jpeg_quality"],
        "blur_angle": ["sin_2theta", "cos_2theta"],
        "blur_ratio": ["anisotropy", "sin_2theta", "cos_2theta"],
    }
    for name, columns in changed.items():
        result = replace_parameters(read, Steering(**{name: 2.0}))
        assert [one for one, same in zip(SUMMARY_RANGES, (result == read)[0], strict=True) if not same] == columns
    # a new ratio keeps the direction that was read
    expected = vector_of({"gaussian": {"sigma": 3.0, "sigma_y": 1.0, "theta": "pi/6"}})[0, 2:4] - 0.5
    found = replace_parameters(read, Steering(blur_ratio=1.5))[0, 2:4] - 0.5
    torch.testing.assert_close(found / found.norm(), expected / expected.norm())


def test_strength_interpolates_from_no_degradation():
    parameters = replace_parameters(no_degradation(), LONG)
    assert torch.equal(weaken(parameters, 0), no_degradation())
    assert torch.equal(weaken(parameters, 1), parameters)
    torch.testing.assert_close(weaken(parameters, 0.25), 0.75 * no_degradation() + 0.25 * parameters)


@pytest.mark.parametrize("element", range(8))
def test_a_direction_turns_with_the_image(element):
    """Compared with the moments of a kernel that is mirrored and transposed."""
    widths = (torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([math.radians(30)]))
    kernel = dihedral(gaussian(21, *widths), element)[0]
    axis = torch.arange(21.0) - 10
    xx, yy = (kernel.sum(0) * axis.square()).sum(), (kernel.sum(1) * axis.square()).sum()
    xy = (kernel * axis[:, None] * axis).sum()
    direction = torch.stack((2 * xy, xx - yy)) / torch.hypot(2 * xy, xx - yy)
    anisotropy = torch.tensor(math.log(3.0))
    found = replace_parameters(no_degradation(), LONG, element)[0, 2:4] * 2 - 1
    torch.testing.assert_close(found, direction * anisotropy.tanh(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_turned_image_with_a_turned_blur_has_the_turned_result(ensemble):
    """Transposing turns 30 degrees into 60; with the ensemble the network's own preferred direction averages out."""
    model, image = small_model(conditioning="oracle", fusion="da_conv"), photograph(40, 100)
    result = upscale(model, image, ensemble=ensemble, steering=LONG, **SMALL)
    turned = Steering(blur=1.5, blur_ratio=3, blur_angle=60, noise=4)
    other = upscale(model, image.transpose(1, 2), ensemble=ensemble, steering=turned, **SMALL).transpose(1, 2)
    same = upscale(model, image.transpose(1, 2), ensemble=ensemble, steering=LONG, **SMALL).transpose(1, 2)
    assert (largest_difference(result, other) < 1e-5) == ensemble
    assert largest_difference(result, same) > 1e-3, "the direction has no effect here, so the test is void"


@pytest.mark.parametrize("conditioning", ["oracle", "distilled"])
@pytest.mark.parametrize("windows", [0, 4])
def test_tiled_is_untiled_with_given_parameters(conditioning, windows):
    encoder_input = EncoderInput(windows=windows if conditioning == "distilled" else 0, side=32)
    model = small_model(fusion="da_conv", conditioning=conditioning, encoder_input=encoder_input)
    image = photograph(101, 150)
    with torch.no_grad():
        read = no_degradation() if conditioning == "oracle" else model.represent(image[None]).vector
        for steering in (LONG, Steering(blur=2.0, strength=0.3)):
            parameters = weaken(replace_parameters(read, steering), steering.strength)
            expected = model(image[None], representation=represent_parameters(parameters))[0].clamp(0, 1)
            assert largest_difference(upscale(model, image, steering=steering, **SMALL), expected) < 1e-5
    nothing = upscale(model, image, steering=Steering(blur=0, blur_ratio=1, noise=0, jpeg_quality=100), **SMALL)
    assert largest_difference(upscale(model, image, steering=Steering(blur=3, strength=0), **SMALL), nothing) < 1e-5
    assert largest_difference(expected, nothing) > 1e-3, "the parameters have no effect here, so the test is void"


def test_a_reference_is_read_and_one_value_of_it_replaced():
    model, image = small_model(fusion="da_conv", conditioning="distilled"), photograph(60, 90)
    reference = photograph(50, 50, top=300)
    assert largest_difference(upscale(model, image, **SMALL), upscale_whole(model, image)) < 1e-5
    with torch.no_grad():
        read = model.represent(reference[None]).vector
    parameters = represent_parameters(replace_parameters(read, Steering(noise=20)))
    expected = upscale_whole(model, image, representation=parameters)
    found = upscale(model, image, reference=reference, steering=Steering(noise=20), **SMALL)
    assert largest_difference(found, expected) < 1e-5


def test_an_image_in_windows_is_steered(monkeypatch):
    """An image that is too large for the encoder."""
    monkeypatch.setattr("sr.upscaling.tile_conditions.MAX_ENCODER_BYTES", 1)
    monkeypatch.setattr("sr.upscaling.tile_conditions.WINDOW_SIDE", 64)
    model, image = small_model(fusion="affine:map", conditioning="distilled"), photograph(100, 130)
    found = upscale(model, image, steering=Steering(blur=1, blur_ratio=1, noise=3, jpeg_quality=90), **SMALL)
    given = Steering(blur=1, blur_ratio=1, noise=3, jpeg_quality=90)
    parameters = represent_parameters(replace_parameters(no_degradation(), given))
    assert largest_difference(found, upscale_whole(model, image, representation=parameters)) < 1e-5


@pytest.mark.parametrize("conditioning", [name for name in CONDITIONINGS if name not in ("oracle", "distilled")])
def test_other_models_take_no_parameters(conditioning):
    model, image = small_model(fusion="da_conv", conditioning=conditioning), photograph(30, 30)
    for steering, listed in (
        (Steering(blur=1.8, noise=0), "blur=1.8 noise=0"),
        (Steering(strength=0.5), "strength=0.5"),
    ):
        with pytest.raises(
            ValueError, match=f"^{listed}: a model with conditioning={conditioning} takes no parameters"
        ):
            upscale(model, image, steering=steering)
    upscale(model, image, steering=Steering())


def test_an_oracle_reads_no_reference():
    model = small_model(fusion="da_conv", conditioning="oracle")
    with pytest.raises(ValueError, match="remove reference"):
        upscale(model, photograph(30, 30), reference=photograph(30, 30), steering=Steering(blur=1))


def test_parameters_outside_the_training_are_named():
    space = Space({"steps": [{"gaussian": {"sigma": [0.2, 2.0]}}, {"jpeg": {"quality": 80}}]}, "test")
    assert find_untrained(Steering(blur=0, jpeg_quality=80), space) == []
    assert find_untrained(Steering(blur=2.0, strength=0.5), space) == []
    assert find_untrained(Steering(blur=6, blur_ratio=2, noise=3, jpeg_quality=10), space) == [
        "blur=6 is outside what the model was trained on, 0.3 to 2: expect artefacts",
        "blur_ratio=2 is outside what the model was trained on, 1 only: expect artefacts",
        "noise=3 is outside what the model was trained on, 0 only: expect artefacts",
        "jpeg_quality=10 is outside what the model was trained on, 80 only: expect artefacts",
    ]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for conditioning in ("oracle", "distilled", "statistics"):
        model = build_model(small_config(fusion="da_conv", conditioning=conditioning, bicubic_skip=True))
        save_model(root / conditioning / "model", model, card="# card", metadata={"degradation": "dasr_iso_x2"})
    return root


def test_the_command_states_what_was_used(tmp_path, models, capsys, caplog):
    source, target = save_image(tmp_path / "a.png"), tmp_path / "b.png"

    def run(conditioning: str, *options: str) -> list[str]:
        arguments = [str(source), str(target), str(models / conditioning), "accelerator=cpu", "overwrite=true"]
        assert main([*arguments, *options]) == 0
        return capsys.readouterr().out.splitlines()

    title, line = run("oracle", "blur=1.8", "noise=0", "ensemble=true")
    assert title.endswith("noise in 8-bit levels; what steers the model, blur in pixels of the result:")
    read = "cannot tell: too small, 60x40 pixels: a window has 64"
    assert line == f"{source} -> {target}, 60x40 -> 120x80; {read}; steered by blur 1.8 px (given), noise 0 (given)"
    assert not caplog.records
    assert run("oracle", "blur=9", "strength=0.5")[1].endswith("steered by blur 9 px (given), noise 0, at strength 0.5")
    assert [one.message for one in caplog.records] == [
        "blur=9 is outside what the model was trained on, 0.3 to 2: expect artefacts"
    ]
    assert re.search(r"steered by blur [\d.]+ px, .*noise 3 \(given\)", run("distilled", "noise=3")[1])
    assert re.search(r"steered by blur [\d.]+ px, .*noise \d+", run("distilled", f"reference={source}")[2])
    assert run("oracle", "blur=1", "estimate=false") == [f"{source} -> {target}, 60x40 -> 120x80"]


@pytest.mark.parametrize("conditioning", ["distilled", "statistics"])
def test_an_image_of_one_colour_is_a_sentence(tmp_path, models, capsys, caplog, conditioning):
    for name, size in (("a", (40, 60)), ("b", (30, 30))):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new("RGB", size, (90, 20, 3)).save(tmp_path / "in" / f"{name}.png")
    save_image(tmp_path / "in" / "c.png")
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), str(models / conditioning), "accelerator=cpu"]
    assert main([*arguments, "estimate=false"]) == 0
    expected = [
        f"{tmp_path / 'in' / name}.png is of one colour: no degradation shows in it, so the model guesses"
        for name in "ab"
    ]
    assert [one.message for one in caplog.records] == expected
    assert "3 done" in capsys.readouterr().out
    assert Image.open(tmp_path / "out" / "a.png").size == (80, 120)
    if conditioning == "distilled":
        caplog.clear()
        assert main([*arguments, "overwrite=true", "blur=1", "blur_ratio=1", "noise=0", "jpeg_quality=100"]) == 0
        assert not [one for one in caplog.records if "one colour" in one.message]
