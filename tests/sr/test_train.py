"""The entry point of stage two on real images: runs, exact resumption, refusals, and artefacts."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from analysis.measures.run_log import read_final_loss
from shared.artefacts import EncoderArtefact, load_encoder, save_encoder
from shared.command import load_config
from shared.data import read_fingerprints
from shared.run_folders import find_newest_run
from sr.evaluation.restorers import open_restorers
from sr.model_artefact import ModelArtefact, load_model
from sr.train import RECIPES, main
from sr.training.config import ALIASES, GROUPS, SHORTHANDS, SRConfig
from sr.training.run import build
from sr.training.validation import build_validation, score_bicubic, score_model
from tests.killed_runs import assert_same_state, kill_at_the_first_checkpoint, load_checkpoint, read_losses, start_run

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "network.blocks=2",
    "network.features=16",
    "conditioning=joint",
    "encoder=dasr",
    "method.queue_size=20",
    "method.hidden_dim=32",
    "method.output_dim=16",
    "batch_size=4",
    "accumulation=2",
    "patch=24",
    "ema=0.9",
    "steps=6",
    "checkpoint_every=2",
    "validate_every=4",
    "precision=fp32",
    "log_every=1",
    "data.dead_leaves=2",
    "validation_size=64",
    "augmentation.mixup=0.5",
]


def small(root: Path, name: str, *more: str) -> list[str]:
    return [*SMALL, f"runs_dir={root}", f"name={name}", *more]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run that was not interrupted."""
    root = tmp_path_factory.mktemp("runs")
    assert main(small(root, "whole")) == 0
    return root


def test_a_finished_run_holds_model_and_scores(finished):
    folder = finished / "sr" / "whole"
    assert find_newest_run(str(finished), "sr") == folder
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["scores"]) == {"whole", "bicubic", "degradations"}
    model = load_model(folder)
    options = {"groups": GROUPS, "shorthands": SHORTHANDS, "aliases": ALIASES}
    _, held_out, space = build(load_config(SRConfig, RECIPES, SMALL, **options)[1])
    images = build_validation(space, held_out, 64)
    expected = {
        "whole": score_model(model, images, bf16=False, device=torch.device("cpu")),
        "bicubic": score_bicubic(images, 2),
    }
    for name, one in expected.items():
        for measure, found in metrics["scores"][name].items():
            assert found["per_degradation"] == pytest.approx(one.to_dict()[measure]["per_degradation"], rel=1e-6)
    assert model(torch.rand(1, 3, 30, 21)).shape == (1, 3, 60, 42)
    average = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]["ema.network.network.stem.0.weight"]
    assert torch.equal(model.state_dict()["network.stem.0.weight"], average)
    assert "PSNR-Y" in (folder / "model" / "README.md").read_text()


def test_the_trained_encoder_is_saved_for_analysis_and_other_runs(finished, capsys):
    folder = finished / "sr" / "whole"
    encoder, model = load_encoder(folder), load_model(folder)
    images = torch.rand(2, 3, 24, 24)
    assert torch.equal(encoder(images).vector, model.represent(images).vector)
    assert EncoderArtefact.open(folder).load_projector()(encoder(images).vector).shape == (2, 16)
    assert (
        read_fingerprints(EncoderArtefact.open(folder).metadata)
        == read_fingerprints(ModelArtefact.open(folder).metadata)
        != frozenset()
    )
    loss = read_final_loss(folder)
    assert loss is not None
    assert loss.negative_rows == 20
    options = ["conditioning=frozen", f"encoder={folder}", "validation_size=64", "data.dead_leaves=2", "dry_run=true"]
    assert main([*options, f"runs_dir={finished}"]) == 0
    capsys.readouterr()


def test_images_of_the_encoders_earlier_training_are_recorded(finished, tmp_path):
    known = {"training_image_hashes": "an-earlier-image", "degradation": "dasr_iso_x2"}
    save_encoder(tmp_path / "one" / "encoder", load_encoder(finished / "sr" / "whole"), card="", metadata=known)
    arguments = [one for one in SMALL if not one.startswith(("encoder=", "steps="))]
    assert main([*arguments, f"encoder={tmp_path / 'one'}", "steps=1", f"runs_dir={tmp_path}", "name=on"]) == 0
    folder = tmp_path / "sr" / "on"
    assert read_fingerprints(EncoderArtefact.open(folder).metadata) == read_fingerprints(
        ModelArtefact.open(folder).metadata
    ) | {"an-earlier-image"}
    (restorer,) = open_restorers([str(folder)], str(tmp_path), torch.device("cpu"))
    assert restorer.seen == read_fingerprints(EncoderArtefact.open(folder).metadata)


LOGGED = {
    "train/image_loss",
    "train/contrastive_loss",
    "schedule/lr",
    "validation/psnr_y",
    "speed/patches_per_second",
    "speed/data_wait_share",
    "patches",
    "final/psnr_y.mean",
}


def test_killed_and_resumed_is_bit_equal(finished, tmp_path):
    arguments = small(tmp_path, "cut")
    folder, uncut = tmp_path / "sr" / "cut", finished / "sr" / "whole"
    kill_at_the_first_checkpoint(start_run("sr.train", *arguments), folder)
    assert 0 < load_checkpoint(folder)["global_step"] < 6
    assert main(arguments) == 0
    whole = load_checkpoint(uncut)
    assert whole["global_step"] == 6
    assert "trained.method.queue.keys" in whole["state_dict"]
    assert_same_state(whole, load_checkpoint(folder))
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (uncut, folder)]
    assert weights[0] == weights[1]
    assert read_losses(folder, LOGGED) == read_losses(uncut, LOGGED)


def test_a_finished_run_is_not_touched(finished, capsys):
    assert main(small(finished, "whole")) == 0
    assert "is finished: its model is" in capsys.readouterr().out


def test_another_conditioning_under_the_name_of_a_run_is_refused_as_such(finished, tmp_path, capsys):
    shutil.copytree(finished / "sr" / "whole", tmp_path / "sr" / "whole")
    save_encoder(
        tmp_path / "pretrain" / "one" / "encoder", load_encoder(finished / "sr" / "whole"), card="", metadata={}
    )
    (tmp_path / "pretrain" / "latest").write_text("one")
    with pytest.raises(SystemExit):
        main([f"runs_dir={tmp_path}", "name=whole"])
    printed = capsys.readouterr().err
    assert "conditioning.name: joint -> frozen" in printed
    assert "no such folder" not in printed


def test_a_missing_encoder_is_refused_with_what_to_do(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([f"runs_dir={tmp_path}"])
    assert stopped.value.code == 2
    printed = capsys.readouterr().err.strip().splitlines()[-1]
    assert "train one with `make pretrain`" in printed
    assert "conditioning=joint" in printed


def test_help_lists_recipes_choices_and_defaults(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for text in (
        *(path.stem for path in RECIPES.glob("*.yaml")),
        *(name for key in ("network", "conditioning.fusion", "conditioning.method") for name in GROUPS[key].choices),
        *(f"\n{name}: " for name in GROUPS["conditioning"].choices),
        "loss.*: name=l1 frequency=0.0",
        "encoder_lr = conditioning.lr",
        " key_momentum=auto",
    ):
        assert text in printed, text


def test_a_dry_run_reports_the_costs_and_a_target_that_is_too_slow(tmp_path, capsys, caplog):
    assert main(small(tmp_path, "dry", "dry_run=true", "steps=500", "key_momentum=0.999")) == 0
    (warning,) = [record.getMessage() for record in caplog.records if "target network" in record.getMessage()]
    assert warning.startswith("conditioning.key_momentum=0.999: the target network lags by 1000 steps")
    assert warning.endswith("use conditioning.key_momentum=auto, which is 0.94 here")
    printed = capsys.readouterr().out
    assert "dry run: everything fits" in printed
    assert "fused by affine" in printed
    assert "key momentum 0.999, lags by 1000 of 500 steps; queue of 20 keys, 5 steps" in printed
    assert not (tmp_path / "sr" / "dry").exists()
