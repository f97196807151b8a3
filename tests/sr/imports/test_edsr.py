"""EDSR's checkpoints against its structure, rebuilt with random weights."""

import pytest
import torch

from sr.model_artefact import ModelArtefact, load_model
from tests.sr.imports.imported import import_weights, largest_difference, randomise, save
from tests.sr.imports.structures import EDSR


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_baseline_computes_what_theirs_does(tmp_path, scale):
    published = randomise(EDSR(scale=scale))
    model = load_model(import_weights("edsr", save(published, tmp_path / "edsr.pt"), tmp_path / "out"))
    assert (model.scale, model.config.network_options.blocks, model.config.conditioning) == (scale, 16, "none")
    assert largest_difference(model, published) < 1e-5


def test_the_branches_of_the_full_model_are_scaled(tmp_path):
    published = randomise(EDSR(features=256, blocks=3, scale=2, residual_scale=0.1))
    out = import_weights("edsr", save(published, tmp_path / "edsr.pt"), tmp_path / "out")
    assert largest_difference(load_model(out), published) < 1e-5
    assert "multiplied by 0.1" in (out / "model" / "README.md").read_text()


def test_another_scale_of_the_branches_is_an_option(tmp_path):
    published = randomise(EDSR(features=16, blocks=3, scale=2, residual_scale=0.5))
    out = import_weights("edsr", save(published, tmp_path / "edsr.pt"), tmp_path / "out", "residual_scale=0.5")
    assert largest_difference(load_model(out), published) < 1e-5
    assert ModelArtefact.open(out).metadata["imported"]["options"] == {
        "key": "",
        "degradation": "",
        "residual_scale": 0.5,
    }


@pytest.mark.parametrize("peak", [1.0, 255.0])
def test_a_mean_shift_that_was_trained_along_is_exact_at_borders_too(tmp_path, peak):
    published = EDSR(features=16, blocks=2, scale=3, peak=peak, mean=(0.469, 0.449, 0.4036))
    randomise(published, peak=peak)
    with torch.no_grad():
        for shift in (published.sub_mean, published.add_mean):
            shift.weight.add_(0.02 * torch.randn_like(shift.weight))
            shift.bias.mul_(1.01)
    model = load_model(import_weights("edsr", save(published, tmp_path / "edsr.pt"), tmp_path / "out"))
    assert largest_difference(model, published, peak=peak) < 1e-5
    assert model.config.rgb_mean != (0.4488, 0.4371, 0.4040)
