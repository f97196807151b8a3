"""The whole entry point on two processes (gloo, CPU) against one."""

import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]


def test_two_devices_train_what_one_does(tmp_path):
    # No batch norm anywhere, and SGD: the gradient of the global batch is then the mean of the ranks' gradients.
    arguments = [
        "encoder=convnext_atto", "encoder.input=bands", "method=moco", "method.queue_size=24", "views=2x32",
        "positives.symmetric=false", "batch_size=8", "steps=3", "precision=fp32", "data.dead_leaves=2",
        "accelerator=cpu", "optimizer.name=sgd", "optimizer.lr=0.05", f"runs_dir={tmp_path}",
    ]  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "pretrain.train", *arguments, f"devices={devices}", f"name=on{devices}"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for devices in (1, 2)
    ]  # fmt: skip
    for process in processes:
        output, _ = process.communicate(timeout=280)
        assert process.returncode == 0, output[-3000:]
    one, two = (
        torch.load(tmp_path / "pretrain" / name / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("on1", "on2")
    )
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
        assert torch.allclose(value.float(), two[key].float(), rtol=1e-3, atol=2e-5), key
