"""The mean that a network subtracts first and adds last."""

import json
from dataclasses import replace

import pytest
import torch

from sr.model import build_model
from sr.model_artefact import load_model, save_model
from tests.sr.small_models import small_config

MEAN = (0.469, 0.449, 0.4036)


def test_a_model_may_have_a_mean_of_its_own(tmp_path):
    torch.manual_seed(0)
    model = build_model(replace(small_config(conditioning="none"), rgb_mean=MEAN)).eval()
    save_model(tmp_path, model, card="", metadata={})
    loaded = load_model(tmp_path)
    assert loaded.config.rgb_mean == MEAN
    flat = torch.tensor(MEAN).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    with torch.no_grad():
        for bias in (model.network.stem[0].bias, loaded.network.stem[0].bias):
            bias.zero_()
        assert not model.network.shallow(flat).any()  # up to the border, where the stem pads with zeros
        image = torch.rand(1, 3, 16, 17)
        assert torch.equal(loaded(image), model(image))


@pytest.mark.parametrize(
    ("mean", "message"),
    [([0.4, 0.4], "not three numbers"), ("0.4", "not three numbers"), ([0.4, 0.4, 114.4], r"must be within 0..1")],
)
def test_a_damaged_mean_is_refused(tmp_path, mean, message):
    save_model(tmp_path, build_model(small_config(conditioning="none")), card="", metadata={})
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"]["rgb_mean"] = mean
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)
