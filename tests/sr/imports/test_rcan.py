"""RCAN's checkpoints against its structure, rebuilt with random weights."""

import pytest
import torch

from sr.model_artefact import load_model
from tests.sr.imports.imported import import_weights, largest_difference, randomise, save
from tests.sr.imports.structures import RCAN


@pytest.mark.parametrize(
    "sizes",
    [
        {"groups": 10, "blocks": 2, "scale": 4},
        {"features": 16, "groups": 2, "blocks": 1, "scale": 3, "reduction": 4},
        {"features": 16, "groups": 1, "blocks": 3, "scale": 2, "mean": (0.469, 0.449, 0.4036)},
    ],
)
def test_the_model_computes_what_theirs_does(tmp_path, sizes):
    torch.manual_seed(0)
    published = randomise(RCAN(**sizes), std=0.01)
    model = load_model(import_weights("rcan", save(published, tmp_path / "RCAN_BIX4.pt"), tmp_path / "out"))
    assert model.scale == sizes["scale"]
    assert largest_difference(model, published) < 1e-5
    if "mean" in sizes:
        assert model.config.rgb_mean == pytest.approx(sizes["mean"], abs=1e-6)
