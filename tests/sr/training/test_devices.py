"""Stage two on two processes (gloo, CPU) trains what one does."""

import torch

from sr.train import main
from tests.killed_runs import load_checkpoint, start_run


def test_two_devices_train_what_one_does(tmp_path):
    # No batch norm anywhere, and SGD: the gradient of the global batch is then the mean of the ranks' gradients.
    arguments = [
        "network.blocks=2",
        "network.features=16",
        "conditioning=distilled",
        "conditioning.contrastive=1",
        "conditioning.fixed_norm=false",
        "conditioning.lr=0",
        "conditioning.patches=2",
        "encoder=convnext_atto",
        "patch=24",
        "conditioning.input=bands",
        "method.queue_size=24",
        "method.output_dim=16",
        "batch_size=8",
        "steps=3",
        "precision=fp32",
        "data.dead_leaves=2",
        "accelerator=cpu",
        "optimizer.name=sgd",
        "optimizer.lr=1e-3",
        "validation_size=48",
        "augmentation.channel_shuffle=0.5",
        f"runs_dir={tmp_path}",
    ]
    run = start_run("sr.train", *arguments, "devices=2", "name=on2")
    assert main([*arguments, "devices=1", "name=on1"]) == 0
    output, _ = run.communicate(timeout=280)
    assert run.returncode == 0, output[-3000:]
    one, two = (load_checkpoint(tmp_path / "sr" / name)["state_dict"] for name in ("on1", "on2"))
    assert torch.equal(one["trained.method.queue.filled"], two["trained.method.queue.filled"])
    for key, value in one.items():
        assert torch.allclose(value.float(), two[key].float(), rtol=1e-3, atol=5e-5), key
