"""Artefacts of format version 1 still load and give the outputs recorded when they were written."""

import json
from pathlib import Path

import pytest
import torch

from shared.artefacts import EncoderArtefact
from shared.data import read_fingerprints
from sr.model_artefact import ModelArtefact

FOLDER = Path(__file__).parent / "version_1"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


def make_pattern(height: int, width: int) -> torch.Tensor:
    """Computes a fixed pattern, (1, 3, H, W) in [0, 1]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([(3 * x + 5 * y) % 17 / 16, (7 * x + 2 * y) % 13 / 12, (x * y) % 11 / 10])[None].float()


@torch.no_grad()
def test_an_encoder_and_its_projector_load():
    artefact = EncoderArtefact.open(FOLDER)
    vector = artefact.load()(make_pattern(32, 40)).vector
    assert vector[0, :8].tolist() == pytest.approx(EXPECTED["vector"], abs=1e-5)
    assert artefact.load_projector()(vector)[0].tolist() == pytest.approx(EXPECTED["projection"], abs=1e-5)
    assert artefact.encoder_config.input == "bands"
    assert artefact.metadata["config"]["method"]["name"] == "simclr"
    assert len(read_fingerprints(artefact.metadata)) == artefact.metadata["training_images"] == 8


@torch.no_grad()
def test_a_model_loads():
    model = ModelArtefact.open(FOLDER).load()
    assert (model.config.conditioning, model.config.fusion, model.config.width) == ("oracle", "da_conv", 8)
    sr_image = model(make_pattern(16, 18), parameters=torch.tensor([[0.2, 0.4, 0.6, 0.1, 0.0, 1.0]]))
    assert sr_image[0, :, ::8, ::9].flatten().tolist() == pytest.approx(EXPECTED["sr_image"], abs=1e-5)
    assert float(sr_image.mean()) == pytest.approx(EXPECTED["sr_mean"], abs=1e-6)


def test_the_former_path_of_load_encoder_works():
    from shared import load_encoder
    from shared.checkpoints import load_encoder as former_load_encoder

    assert former_load_encoder is load_encoder
    assert not load_encoder(FOLDER).training
