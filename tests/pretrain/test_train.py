"""The entry point on real images: training, exact resumption, refused input, and files that it keeps."""

import io
import json
import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import torch

from pretrain.train import main
from shared.artefacts import load_encoder
from shared.run_folders import find_newest_run
from shared.training.checkpointing import DirectCheckpointIO
from tests.killed_runs import assert_same_state, kill_at_the_first_checkpoint, load_checkpoint, read_losses, start_run

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "encoder=resnet10t",
    "encoder.input=bands",
    "method=moco",
    "method.queue_size=20",
    "views=2x16",
    "positives.symmetric=false",
    "batch_size=8",
    "accumulation=2",
    "ema=0.9",
    "steps=6",
    "checkpoint_every=2",
    "precision=fp32",
    "log_every=1",
    "data.dead_leaves=2",
]


def small_run(root: Path, name: str, *more: str) -> list[str]:
    """Lists the arguments of a run that takes seconds."""
    return [*SMALL, f"runs_dir={root}", f"name={name}", *more]


def drop_precision(arguments: list[str]) -> list[str]:
    return [argument for argument in arguments if not argument.startswith("precision=")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Folder of an uninterrupted run, in the precision that is chosen on a processor without bf16."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
        assert main(drop_precision(small_run(root, "whole", "probe_every=4"))) == 0
    return root


def test_a_finished_run_holds_what_the_next_stage_needs(finished):
    folder = finished / "pretrain" / "whole"
    assert find_newest_run(str(finished), "pretrain") == folder
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["scores"]) == {"trained", "untrained", "statistics"}
    encoder = load_encoder(folder)
    assert not encoder.training
    weight = "backbone.network.conv1.0.weight"
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    assert torch.equal(encoder.state_dict()[weight], checkpoint["state_dict"][f"ema.network.{weight}"])
    assert encoder(torch.rand(2, 3, 40, 33)).vector.shape == (2, encoder.dim)
    assert "kNN accuracy" in (folder / "encoder" / "README.md").read_text()


REQUIRED_TAGS = {
    "projection/std",
    "projection/effective_rank",
    "projection/uniformity",
    "schedule/lr",
    "schedule/key_momentum",
    "speed/patches_per_second",
    "speed/data_wait_share",
    "views",
    "final/knn_accuracy",
}


def test_killed_and_resumed_is_bit_equal(finished, tmp_path):
    arguments = small_run(tmp_path, "killed", "probe_every=4")
    folder, uninterrupted = tmp_path / "pretrain" / "killed", finished / "pretrain" / "whole"
    kill_at_the_first_checkpoint(start_run("pretrain.train", *arguments), folder)
    assert 0 < load_checkpoint(folder)["global_step"] < 6
    assert main(arguments) == 0
    whole, resumed = load_checkpoint(uninterrupted), load_checkpoint(folder)
    assert whole["global_step"] == 6
    assert "trained.queue.keys" in whole["state_dict"]
    assert_same_state(whole, resumed)
    for key, state in whole["optimizer_states"][0]["state"].items():
        assert torch.equal(state["exp_avg"], resumed["optimizer_states"][0]["state"][key]["exp_avg"])
    weights = [(run / "encoder" / "model.safetensors").read_bytes() for run in (uninterrupted, folder)]
    assert weights[0] == weights[1]
    assert read_losses(folder, REQUIRED_TAGS) == read_losses(uninterrupted, REQUIRED_TAGS)


def test_a_run_keeps_the_precision_that_it_was_started_with(finished, monkeypatch, capsys):
    arguments = drop_precision(small_run(finished, "whole", "probe_every=4"))
    assert json.loads((finished / "pretrain" / "whole" / "config.json").read_text())["precision"] == "fp32"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert main(arguments) == 0
    assert "is finished" in capsys.readouterr().out
    assert "precision: fp32 -> bf16" in expect_refusal([*arguments, "precision=bf16"], capsys)


def test_a_finished_run_is_not_changed(finished, capsys):
    before = (finished / "pretrain" / "whole" / "last.ckpt").stat().st_mtime_ns
    assert main(small_run(finished, "whole", "probe_every=4")) == 0
    assert "is finished" in capsys.readouterr().out
    assert (finished / "pretrain" / "whole" / "last.ckpt").stat().st_mtime_ns == before


def expect_refusal(arguments: list[str], capsys) -> str:
    """Runs a command that must be refused and returns its message."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_the_name_of_a_run_with_another_configuration_is_refused(finished, capsys):
    message = expect_refusal(small_run(finished, "whole", "probe_every=4", "seed=9"), capsys)
    assert "seed: 0 -> 9" in message


def test_a_dry_run_refuses_such_a_name_too(finished, capsys):
    message = expect_refusal(small_run(finished, "whole", "probe_every=4", "steps=9", "dry_run=true"), capsys)
    assert "steps: 6 -> 9" in message


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory) -> tuple[Path, list[str], str]:
    """Folder of runs, arguments of one that a full disk stopped at its second checkpoint, and the message."""
    root, saved_paths, errors = tmp_path_factory.mktemp("interrupted"), [], io.StringIO()
    (root / "mine.yaml").write_text("steps: [{gaussian: {sigma: [0.2, 2]}}]")
    arguments = small_run(root, "a", f"degradation={root / 'mine.yaml'}")
    save = DirectCheckpointIO.save_checkpoint

    def save_once(self, checkpoint, path, storage_options=None):
        if saved_paths:  # from the second checkpoint on, files end in the middle of a weight
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        saved_paths.append(path)
        save(self, checkpoint, path)

    with pytest.MonkeyPatch.context() as patched, redirect_stderr(errors):
        patched.setattr(DirectCheckpointIO, "save_checkpoint", save_once)
        try:
            with pytest.raises(SystemExit) as stopped:
                main(arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert stopped.value.code == 2
    return root, arguments, errors.getvalue()


def test_a_full_disk_keeps_the_previous_checkpoint(interrupted):
    root, _, message = interrupted
    assert "last.ckpt could not be written at step 4 (File too large); the checkpoint before it is kept" in message
    folder = root / "pretrain" / "a"
    assert load_checkpoint(folder)["global_step"] == 2
    assert not list(folder.glob(".last*"))


def test_a_resumed_run_refuses_another_space_under_the_same_path(interrupted, capsys):
    root, arguments, _ = interrupted
    (root / "mine.yaml").write_text("steps: [{gaussian: {sigma: [0.2, 3]}}]")
    assert "inputs.space" in expect_refusal(arguments, capsys)


def test_ctrl_c_tells_how_to_continue(tmp_path):
    arguments = small_run(tmp_path, "a", "steps=10000")
    process = subprocess.Popen(
        [sys.executable, "-m", "pretrain.train", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test suite in the background ignores it
    )
    deadline = time.monotonic() + 200
    while not (tmp_path / "pretrain" / "a" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 130, output[-2000:]
    assert "the same command" in output
    assert "Traceback" not in output


def test_a_corrupt_checkpoint_is_refused(tmp_path, capsys, finished):
    folder = tmp_path / "pretrain" / "broken"
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes((finished / "pretrain" / "whole" / "config.json").read_bytes())
    whole = (finished / "pretrain" / "whole" / "last.ckpt").read_bytes()
    (folder / "last.ckpt").write_bytes(whole[: len(whole) // 2])
    assert "last.ckpt is corrupt" in expect_refusal(small_run(tmp_path, "broken", "probe_every=4"), capsys)
    middle = len(whole) // 2  # one bit is wrong there
    (folder / "last.ckpt").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert "last.ckpt is corrupt" in expect_refusal(small_run(tmp_path, "broken", "probe_every=4"), capsys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["data=folder"], "data.root is not set"),
        (["data=folder", "data.root=/no/such"], "does not exist"),
        (["views=2x600"], "too small|smaller"),
        (["encoder=resnet5"], "unknown encoder 'resnet5'"),
        (["degradation=blurr"], "did you mean blur"),
        (["encoder.downsample=false"], "downsample"),
    ],
)
def test_what_cannot_run_is_refused_without_a_folder(change, message, tmp_path, capsys):
    assert re.search(message, expect_refusal(small_run(tmp_path, "a", *change), capsys))
    assert not (tmp_path / "pretrain" / "a").exists()


def test_an_empty_folder_is_refused(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    assert "image" in expect_refusal(
        small_run(tmp_path, "a", "data=folder", f"data.root={tmp_path / 'images'}"), capsys
    )


def test_dry_run_prints_the_cost_and_keeps_nothing(tmp_path, capsys, caplog):
    assert main(small_run(tmp_path, "a", "dry_run=true", "steps=1000", "key_momentum=0.999")) == 0
    (warning,) = [record.getMessage() for record in caplog.records if "target network" in record.getMessage()]
    assert warning.endswith("a tenth of this run's 1000: use key_momentum=auto, which is 0.97 here")
    text = capsys.readouterr().out
    assert "1000 steps, about" in text
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def any_learning_rate(monkeypatch) -> None:
    """Lifts the bound of the learning rate, so that a run diverges at once."""
    monkeypatch.setattr("shared.command.config.check_bounds", lambda _: None)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_loss_that_is_not_finite_stops_the_run(accumulation, tmp_path, capsys, any_learning_rate):
    broken = ["optimizer.lr=1e30", "optimizer.warmup=0", "checkpoint_every=100", f"accumulation={accumulation}"]
    message = expect_refusal(small_run(tmp_path, "a", *broken), capsys)
    assert "the loss is nan" in message or "the loss is inf" in message
    assert "batch seed 0," in message
    assert "there is no checkpoint yet" in message


def test_weights_that_are_not_finite_never_reach_a_checkpoint(tmp_path, capsys, any_learning_rate):
    message = expect_refusal(
        small_run(tmp_path, "a", "optimizer.lr=1e38", "optimizer.warmup=0", "checkpoint_every=1"), capsys
    )
    assert "a weight is NaN or infinite at step" in message
    assert not (tmp_path / "pretrain" / "a" / "last.ckpt").exists()


def test_clipping_under_bf16(tmp_path):
    more = ["precision=bf16", "optimizer.clip=1", "optimizer.name=sgd", "dry_run=true"]
    assert main(small_run(tmp_path, "a", *more)) == 0


def test_a_missing_gpu_is_refused_without_a_folder(tmp_path, capsys):
    message = expect_refusal(
        small_run(tmp_path, "a", "accelerator=gpu", "devices=64", "batch_size=64", "accumulation=1"), capsys
    )
    assert "devices=64: this machine has" in message
    assert not (tmp_path / "pretrain" / "a").exists()


def test_help_lists_recipes_methods_and_options(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for expected in (
        "  quick ",
        "moco           hidden_dim=2048",
        "keys_per_step=null",
        "checkpoint_every:",
        "views.*: crops=2x64",
    ):
        assert expected in text
