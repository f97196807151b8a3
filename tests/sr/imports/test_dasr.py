"""DASR's checkpoints against its structure, rebuilt with random weights."""

import json

import pytest
import torch

from shared.artefacts import EncoderArtefact, load_encoder
from sr.model_artefact import ModelArtefact, load_model
from tests.sr.imports.imported import import_weights, largest_difference, randomise, save, smooth_images
from tests.sr.imports.structures import DASR


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    "sizes",
    [
        {"groups": 5, "blocks": 5, "scale": 4},
        {"features": 16, "width": 24, "groups": 1, "blocks": 2, "scale": 2, "reduction": 4},
        {"features": 16, "width": 24, "groups": 2, "blocks": 1, "scale": 3},
    ],
)
def test_the_model_computes_what_theirs_does(tmp_path, sizes):
    published = randomise(DASR(**sizes))
    out = import_weights("dasr", save(published, tmp_path / "model_600.pt"), tmp_path / "out")
    model = load_model(out)
    assert model.scale == sizes["scale"]
    assert largest_difference(model, published) < 1e-5


def test_its_encoder_is_kept_too_and_sees_images_of_any_variance(tmp_path):
    published = randomise(DASR(features=16, groups=1, blocks=1, scale=2))
    published.E.encoder_q.E[1].running_var.mul_(1e-6)  # near the constant that a batch norm adds
    out = import_weights("dasr", save(published, tmp_path / "a.pt"), tmp_path / "out")
    images = smooth_images(2, 17, 21)
    with torch.no_grad():
        found, expected = load_encoder(out)(images).vector, published.E.encoder_q(255 * images)
    assert ((found - expected).abs() / expected.abs().max()).max() < 1e-5
    assert EncoderArtefact.open(out).metadata["scale"] == 2


def test_training_weights_without_a_counterpart_are_counted(tmp_path, capsys):
    published = DASR(features=16, groups=1, blocks=1, scale=2)
    state = {f"module.{name}": value for name, value in published.state_dict().items()}
    state["module.E.queue"] = torch.rand(256, 8)
    state |= {name.replace("encoder_q", "encoder_k"): value for name, value in state.items() if "encoder_q" in name}
    torch.save(state, tmp_path / "a.pt")
    out = import_weights("dasr", tmp_path / "a.pt", tmp_path / "out")
    printed = capsys.readouterr().out
    assert "the perceptron of the contrast (4), the queue of keys (1), the encoder of the keys (46)" in printed
    record = ModelArtefact.open(out).metadata["imported"]
    assert record["not_used"]["the queue of keys"] == 1
    assert record["mapped"] == len(state) - 51
    card = (out / "model" / "README.md").read_text()
    assert record["sha256"] in card
    assert "Unsupervised Degradation Representation Learning" in card
    assert json.loads((out / "model" / "config.json").read_text())["metadata"]["scale"] == 2
