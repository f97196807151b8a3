"""Swin2SR's checkpoints against its structure, rebuilt with random weights."""

import pytest
import torch

from sr.import_weights import main
from sr.model_artefact import load_model
from tests.sr.imports.imported import import_weights, largest_difference, randomise, save, smooth_images
from tests.sr.imports.swin2sr_structure import Swin2SR

SMALL = {"features": 24, "groups": 2, "blocks": 3, "heads": 3, "tail": 16}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    "sizes",
    [
        SMALL | {"scale": 2},
        SMALL | {"scale": 3, "window": 6, "mlp_ratio": 1.5},
        SMALL | {"scale": 4, "features": 32, "heads": 2},
        {"groups": 1, "blocks": 2, "scale": 2},
    ],
)
def test_the_model_computes_what_theirs_does(tmp_path, sizes):
    published = randomise(Swin2SR(**sizes), peak=1.0)
    path = save(published, tmp_path / "Swin2SR_ClassicalSR.pth", under="params")
    model = load_model(import_weights("swin2sr", path, tmp_path / "out"))
    assert model.scale == sizes["scale"]
    assert largest_difference(model, published, peak=1.0) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(17, 21), (16, 24)])
def test_the_padding_of_the_authors_test_program_is_an_option(tmp_path, height, width):
    published = randomise(Swin2SR(**SMALL), peak=1.0)
    path = save(published, tmp_path / "a.pth", under="params")
    model = load_model(import_weights("swin2sr", path, tmp_path / "out", "padding=symmetric"))
    image = smooth_images(1, height, width)
    padded = torch.cat([image, image.flip(2)], 2)[:, :, : (height // 8 + 1) * 8]
    padded = torch.cat([padded, padded.flip(3)], 3)[..., : (width // 8 + 1) * 8]
    assert (model(image) - published(padded)[..., : 2 * height, : 2 * width]).abs().max() < 1e-5


def test_other_variants_are_refused_by_name(tmp_path, capsys):
    state = {name: value for name, value in Swin2SR(**SMALL).state_dict().items() if "upsample" not in name}
    torch.save({"params": state}, tmp_path / "a.pth")
    with pytest.raises(SystemExit):
        main(["swin2sr", str(tmp_path / "a.pth"), str(tmp_path / "out")])
    assert "the lightweight, real-world and denoising variants have no counterpart" in capsys.readouterr().err


def test_an_unknown_padding_is_refused(tmp_path, capsys):
    path = save(Swin2SR(**SMALL), tmp_path / "a.pth", under="params")
    with pytest.raises(SystemExit):
        main(["swin2sr", str(path), str(tmp_path / "out"), "padding=edge"])
    assert "padding='edge' must be one of reflect, symmetric" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
