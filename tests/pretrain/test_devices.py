"""The whole entry point on two processes (gloo, CPU) against one."""

import subprocess
import sys
from pathlib import Path

import torch

from tests.killed_runs import checkpoint_of, kill_at_the_first_checkpoint, started

ROOT = Path(__file__).resolve().parents[2]


def test_two_devices_killed_and_resumed_train_what_one_does(tmp_path):
    # No batch norm anywhere, and SGD: the gradient of the global batch is then the mean of the ranks' gradients.
    arguments = [
        "encoder=convnext_atto", "encoder.input=bands", "method=moco", "method.queue_size=24", "views=2x32",
        "positives.symmetric=false", "batch_size=8", "steps=4", "precision=fp32", "data.dead_leaves=2",
        "accelerator=cpu", "optimizer.name=sgd", "optimizer.lr=0.05", "checkpoint_every=1", f"runs_dir={tmp_path}",
    ]  # fmt: skip
    alone = started("pretrain.train", *arguments, "devices=1", "name=on1")
    kill_at_the_first_checkpoint(
        started("pretrain.train", *arguments, "devices=2", "name=on2"), tmp_path / "pretrain" / "on2"
    )
    resumed = started("pretrain.train", *arguments, "devices=2", "name=on2")
    for process in (alone, resumed):
        output, _ = process.communicate(timeout=280)
        assert process.returncode == 0, output[-3000:]
    assert "continuing from step" in output
    one, two = (checkpoint_of(tmp_path / "pretrain" / name)["state_dict"] for name in ("on1", "on2"))
    assert one.keys() == two.keys()
    target = "trained.target_encoder."
    pairs = [(key, key.replace("target_encoder", "encoder")) for key in one if key.startswith(target)]
    assert any(not torch.equal(one[behind], one[ahead]) for behind, ahead in pairs), "nothing was trained"
    assert torch.equal(one["trained.queue.filled"], two["trained.queue.filled"])
    again = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "pretrain.train",
         *arguments, "devices=2", "name=on2"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr[-3000:]
    assert again.stdout.count("is finished") == 1
    for key, value in one.items():
        assert torch.allclose(value.float(), two[key].float(), rtol=1e-3, atol=5e-5), key
