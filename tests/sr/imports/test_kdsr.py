"""KDSR's checkpoints against its structure, rebuilt with random weights."""

import pytest
import torch

import sr.train
from shared.artefacts import EncoderArtefact
from sr.import_weights import main
from sr.model_artefact import load_model
from tests.sr.imports.imported import import_weights, largest_difference, randomise, save
from tests.sr.imports.structures import KDSR


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("sizes", "encoder"),
    [
        ({"scale": 4, "blocks": 53}, "kdsr_m"),
        ({"scale": 2, "blocks": 2, "features": 128, "encoder_blocks": 5}, "kdsr_l"),
        ({"scale": 3, "blocks": 1, "peak": 255.0}, "kdsr_m"),
    ],
)
def test_the_model_computes_what_theirs_does(tmp_path, sizes, encoder):
    peak = sizes.get("peak", 1.0)
    published = randomise(KDSR(**sizes), peak=peak, std=0.01)
    out = import_weights("kdsr", save(published, tmp_path / "KDSRsM_iso_x4.pt"), tmp_path / "out")
    model = load_model(out)
    assert largest_difference(model, published, peak=peak) < 1e-5
    assert EncoderArtefact.open(out).encoder_config.name == encoder
    count = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    if sizes["blocks"] == 53:
        assert count == pytest.approx(5.80, abs=0.01)


def test_an_encoder_of_another_size_is_refused(tmp_path, capsys):
    path = save(KDSR(features=16, blocks=1, encoder_blocks=2), tmp_path / "a.pt")
    with pytest.raises(SystemExit):
        main(["kdsr", str(path), str(tmp_path / "out")])
    assert "an encoder of 16 channels and 2 residual blocks: there are kdsr_m (64 and 9)" in capsys.readouterr().err


def test_the_whole_is_trained_by_options(tmp_path, capsys):
    whole = [
        "network=kdsr_m",
        "fusion=dynamic_conv",
        "conditioning=joint",
        "encoder=kdsr_m",
        "conditioning.adapter=mlp",
    ]
    options = ["dry_run=true", "batch_size=2", f"runs_dir={tmp_path / 'runs'}", f"data.cache_dir={tmp_path / 'cache'}"]
    assert sr.train.main(["--config-name=quick", *whole, *options]) == 0
    assert "kdsr_m x2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["conditioning.adapter=mpl"], "conditioning.adapter='mpl' must be one of linear, mlp"),
        (
            ["conditioning.adapter=mlp", "fusion=affine", "fusion.source=map"],
            "compresses the vector, which this fusion",
        ),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(tmp_path, capsys, options, message):
    common = ["conditioning=joint", "dry_run=true", "batch_size=2", f"data.cache_dir={tmp_path}"]
    with pytest.raises(SystemExit):
        sr.train.main(["--config-name=quick", *common, *options, f"runs_dir={tmp_path}"])
    assert message in capsys.readouterr().err
