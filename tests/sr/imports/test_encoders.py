"""Encoders alone against their structures, rebuilt with random weights."""

import pytest
import torch

import sr.train
from shared.artefacts import EncoderArtefact, load_encoder
from tests.sr.imports.imported import SIZES, import_weights, randomise, save, smooth_images
from tests.sr.imports.structures import DASR, CdCL


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@torch.no_grad()
def largest_difference(encoder, published, peak):
    found = 0.0
    for height, width in SIZES:
        images = smooth_images(2, height, width)
        representation, maps = encoder(images), published(peak * images)
        assert torch.equal(representation.vector, representation.maps[-1].mean((2, 3)))
        found = max(found, float((representation.maps[-1] - maps).abs().max() / maps.abs().max().clamp(min=1)))
    print(f"largest difference: {found:.1e}")
    return found


@pytest.mark.parametrize("is_whole", [True, False])
def test_dasrs_encoder_computes_what_theirs_does(tmp_path, capsys, is_whole):
    published = randomise(DASR(features=16, groups=1, blocks=1, scale=3))
    state = {name: value for name, value in published.state_dict().items() if is_whole or not name.startswith("G.")}
    torch.save(state, tmp_path / "a.pt")
    out = import_weights("dasr_encoder", tmp_path / "a.pt", tmp_path / "out")
    assert largest_difference(load_encoder(out), published.E.encoder_q.E[:-1], 255.0) < 1e-5
    assert EncoderArtefact.open(out).metadata.get("scale") == (3 if is_whole else None)
    assert [path.name for path in out.iterdir()] == ["encoder"]
    assert ("the network (" in capsys.readouterr().out) == is_whole


def test_cdcls_encoder_computes_what_theirs_does(tmp_path, capsys):
    published = randomise(CdCL(scale=4), peak=1.0)
    out = import_weights("cdcl", save(published, tmp_path / "a.pt"), tmp_path / "out")
    assert largest_difference(load_encoder(out), published, 1.0) < 1e-5
    assert EncoderArtefact.open(out).metadata["scale"] == 4
    assert "the projector (14), the target encoder (56), the predictor (2)" in capsys.readouterr().out


def test_an_imported_encoder_steers_a_network_in_training(tmp_path, capsys):
    published = DASR(features=16, groups=1, blocks=1, scale=2)
    out = import_weights("dasr", save(published, tmp_path / "a.pt"), tmp_path / "out")
    options = [
        "--config-name=quick",
        "scale=2",
        "conditioning=frozen",
        f"encoder={out}",
        f"runs_dir={tmp_path / 'runs'}",
    ]
    assert sr.train.main([*options, "batch_size=2", "dry_run=true", f"data.cache_dir={tmp_path / 'cache'}"]) == 0
    assert "condition" in capsys.readouterr().out
