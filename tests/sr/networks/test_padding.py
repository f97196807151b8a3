"""Padding to whole windows against NumPy's."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sr.model import build_model
from sr.model_artefact import ModelArtefact, load_model, save_model
from sr.networks.padding import WholeWindows
from tests.sr.small_models import small_config


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize(("height", "width"), [(17, 21), (16, 24), (8, 9), (1, 3), (2, 5)])
def test_it_is_numpys(mode, height, width):
    images = torch.rand(2, 3, height, width)
    extra = 1 if mode == "symmetric" else 0  # the authors' test program pads a multiple by a whole window
    rows, columns = (8 * ((side - 1 + extra) // 8 + 1) - side for side in (height, width))
    expected = np.pad(images.numpy(), ((0, 0), (0, 0), (0, rows), (0, columns)), mode=mode)
    assert np.array_equal(WholeWindows(8, mode)(images).numpy(), expected)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match=r"network.padding='edge' must be one of reflect, symmetric"):
        WholeWindows(8, "edge")


def test_an_image_of_whole_windows_stays_as_it_is():
    images = torch.rand(1, 3, 16, 24)
    assert torch.equal(WholeWindows(8, "reflect")(images), images)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("fusion", ["affine", "affine:map"])
def test_a_network_computes_what_it_does_on_the_padded_image(mode, fusion):
    torch.manual_seed(0)
    config = small_config("swin2sr_small", fusion, "joint", scale=3)
    options = config.network_options
    config = replace(config, network_options=replace(options, padding=mode, bicubic_skip=False))
    model = build_model(config).eval()
    image, pad = torch.rand(1, 3, 17, 21), WholeWindows(8, mode)
    with torch.no_grad():
        condition = model.network.adapter(model.represent(image), (17, 21))
        found = model.network(image, condition=condition)
        if condition.map is not None:
            condition = replace(condition, map=pad(condition.map))
        model.network.pad = None
        whole = model.network(pad(image), condition=condition)
    assert torch.equal(found, whole[..., :51, :63])


def test_a_model_of_earlier_versions_has_the_published_padding(tmp_path):
    save_model(tmp_path, build_model(small_config("swin2sr_small", conditioning="none")), card="", metadata={})
    config = json.loads((tmp_path / "config.json").read_text())
    del config["model"]["network_options"]["padding"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert ModelArtefact.open(tmp_path).model_config.network_options.padding == "reflect"
    assert load_model(tmp_path).network.pad == WholeWindows(8, "reflect")
