import json

import pytest
import torch
from lightly.models.modules.heads import BYOLProjectionHead

from analysis.embedding.embedders import open_embedders
from shared.artefacts import EncoderArtefact, load_encoder
from shared.encoders.statistics import degradation_statistics
from shared.run_folders.run_folder import find_newest_run
from tests.analysis.small_encoders import save_small_encoder

IMAGES = torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(0))


def finished_run(runs, name: str, method: str, seed: int):
    folder = runs / "pretrain" / name
    save_small_encoder(folder / "encoder", seed=seed, method=method)
    (folder / "config.json").write_text(json.dumps({"method": {"name": method}}))
    (folder / "metrics.json").write_text("{}")
    return folder


def test_an_encoder_comes_with_its_controls(tmp_path):
    run = finished_run(tmp_path, "mine", "moco", seed=3)
    finished_run(tmp_path, "known", "supervised", seed=4)
    (mine, start, statistics, ceiling), notes = open_embedders([str(run)], str(tmp_path), "vector")
    assert [mine.name, start.name, statistics.name, ceiling.name] == [
        "mine",
        "untrained dasr",
        "statistics",
        "known (supervised)",
    ]
    assert notes == []
    assert mine.trained_on == ("gaussian", "quantize")
    with torch.no_grad():
        assert torch.equal(mine.build().eval()(IMAGES), load_encoder(run).eval()(IMAGES).vector)
        assert torch.equal(start.build().eval()(IMAGES), mine.build().eval()(IMAGES))  # it was saved as it was drawn
        assert torch.equal(statistics.build()(IMAGES), degradation_statistics(IMAGES))
    assert len({one.hash for one in (mine, start, statistics, ceiling)}) == 4


def test_a_ceiling_that_cannot_be_read_is_omitted_with_a_note(tmp_path):
    run = finished_run(tmp_path, "mine", "moco", seed=3)
    weights = finished_run(tmp_path, "known", "supervised", seed=4) / "encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    embedders, (note,) = open_embedders([str(run)], str(tmp_path), "vector")
    assert len(embedders) == 3
    assert note.startswith(f"omitted the supervised ceiling {weights.parents[1]}: ")
    assert "corrupt" in note


def test_the_newest_run_is_the_default(tmp_path):
    finished_run(tmp_path, "mine", "moco", seed=3)
    (tmp_path / "pretrain" / "latest").write_text("mine\n")
    assert open_embedders([], str(tmp_path), "vector")[0][0].name == "mine"


def test_a_run_may_be_a_link_to_a_folder_of_another_name(tmp_path):
    elsewhere = finished_run(tmp_path / "disk", "old-name", "moco", seed=3)
    (tmp_path / "pretrain").mkdir()
    (tmp_path / "pretrain" / "mine").symlink_to(elsewhere)
    (tmp_path / "pretrain" / "latest").write_text("mine\n")
    assert find_newest_run(str(tmp_path), "pretrain") == tmp_path / "pretrain" / "mine"
    assert open_embedders([], str(tmp_path), "vector")[0][0].path.endswith("mine")


def test_no_encoder_yet(tmp_path):
    with pytest.raises(ValueError, match="no finished encoder in .*`make pretrain` trains one"):
        open_embedders([], str(tmp_path), "vector")


def test_each_embedder_stands_once_and_names_differ(tmp_path):
    first, second = (finished_run(tmp_path / folder, "mine", "moco", seed) for folder, seed in (("a", 1), ("b", 2)))
    asked = [str(first), str(second), str(first / "encoder"), "statistics", "dasr:untrained"]
    names = [embedder.name for embedder in open_embedders(asked, str(tmp_path), "vector")[0]]
    assert len(names) == len(set(names)) == 6
    assert sum(name.startswith("mine ") for name in names) == 2


def test_layers(tmp_path):
    torch.manual_seed(0)
    head = BYOLProjectionHead(256, 16, 8).train()
    head(torch.randn(9, 256))  # moves the batch norm's statistics
    folder = save_small_encoder(tmp_path / "mine", projector=head)
    encoder = load_encoder(folder)
    with torch.no_grad():
        representation = encoder(IMAGES)
        last = representation.maps[-1]
        networks = [
            open_embedders([str(folder)], str(tmp_path), layer)[0][0].build() for layer in ("map", "projection")
        ]
        in_the_middle, after_the_head = (network.eval()(IMAGES) for network in networks)
        assert torch.equal(in_the_middle, last[:, :, last.shape[2] // 2, last.shape[3] // 2])
        assert torch.equal(after_the_head, head.eval()(representation.vector))
        assert torch.equal(after_the_head, EncoderArtefact.open(folder).load_projector()(representation.vector))
        start = open_embedders([str(folder)], str(tmp_path), "projection")[0][1].build().eval()(IMAGES)
        assert start.shape == after_the_head.shape
        assert not torch.equal(start, after_the_head)


def test_all_layers_are_embedders_beside_each_other(tmp_path):
    head = BYOLProjectionHead(256, 16, 8)
    kept, lost = save_small_encoder(tmp_path / "kept", projector=head), save_small_encoder(tmp_path / "lost", seed=4)
    found, _ = open_embedders([str(kept), str(lost), "dasr:untrained", "statistics"], str(tmp_path), "all")
    asked = [one.name for one in found if one.requested]
    assert asked[:5] == ["kept, vector", "kept, map", "kept, projection", "lost, vector", "lost, map"]
    assert asked[5:] == ["untrained dasr, vector", "untrained dasr, map", "statistics"]
    assert len({one.hash for one in found}) == len(found)
    vector, in_the_middle = (one.build().eval()(IMAGES) for one in found[:2])
    assert torch.equal(vector, load_encoder(kept)(IMAGES).vector)
    assert not torch.equal(vector, in_the_middle)


def test_heads_are_part_of_what_a_projection_is_known_by(tmp_path):
    heads = [BYOLProjectionHead(256, 16, width) for width in (4, 8)]
    paths = [str(save_small_encoder(tmp_path / str(i), projector=head)) for i, head in enumerate(heads)]
    found, _ = open_embedders(paths, str(tmp_path), "projection")
    trained = [one.hash for one in found if one.requested]
    assert len(set(trained)) == 2
    assert len({one.hash for one in found if "untrained" in one.name}) == 2
    assert len({one.hash for one in open_embedders(paths, str(tmp_path), "vector")[0] if one.requested}) == 1


def test_a_projection_that_was_not_kept(tmp_path):
    folder = save_small_encoder(tmp_path / "mine")
    with pytest.raises(ValueError, match="contains no projector"):
        open_embedders([str(folder)], str(tmp_path), "projection")
    with pytest.raises(ValueError, match="dasr:untrained has no projector"):
        open_embedders(["dasr:untrained"], str(tmp_path), "projection")


def test_what_is_not_there_or_broken_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="nowhere does not exist"):
        open_embedders([str(tmp_path / "nowhere")], str(tmp_path), "vector")
    folder = save_small_encoder(tmp_path / "mine")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ValueError, match="corrupt"):
        open_embedders([str(folder)], str(tmp_path), "vector")
    with pytest.raises(ValueError, match="unknown encoder 'resnet5': did you mean"):
        open_embedders(["resnet5:untrained"], str(tmp_path), "vector")
