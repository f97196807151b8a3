"""The entry point on two processes (gloo, CPU) against one."""

import torch

from pretrain.train import main
from tests.killed_runs import kill_at_the_first_checkpoint, load_checkpoint, start_run


def test_two_devices_killed_and_resumed_give_the_weights_of_one(tmp_path, monkeypatch, capsys):
    # without batch norm and with SGD, the gradient of the global batch is the mean of the gradients of the ranks
    arguments = [
        "encoder=convnext_atto",
        "encoder.input=bands",
        "method=moco",
        "method.queue_size=24",
        "views=2x32",
        "positives.symmetric=false",
        "batch_size=8",
        "steps=4",
        "precision=fp32",
        "data.dead_leaves=2",
        "accelerator=cpu",
        "optimizer.name=sgd",
        "optimizer.lr=0.05",
        "checkpoint_every=1",
        f"runs_dir={tmp_path}",
    ]
    kill_at_the_first_checkpoint(
        start_run("pretrain.train", *arguments, "devices=2", "name=on2"), tmp_path / "pretrain" / "on2"
    )
    torchrun = ["torch.distributed.run", "--nproc-per-node=2", "-m", "pretrain.train"]
    resumed = start_run(*torchrun, *arguments, "devices=2", "name=on2")
    assert main([*arguments, "devices=1", "name=on1"]) == 0
    output, _ = resumed.communicate(timeout=280)
    assert resumed.returncode == 0, output[-3000:]
    assert "continuing from step" in output
    one, two = (load_checkpoint(tmp_path / "pretrain" / name)["state_dict"] for name in ("on1", "on2"))
    assert one.keys() == two.keys()
    target = "trained.target_encoder."
    pairs = [(key, key.replace("target_encoder", "encoder")) for key in one if key.startswith(target)]
    assert any(not torch.equal(one[key], one[online]) for key, online in pairs), "nothing was trained"
    assert torch.equal(one["trained.queue.filled"], two["trained.queue.filled"])
    capsys.readouterr()
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        assert main([*arguments, "devices=2", "name=on2"]) == 0
    assert capsys.readouterr().out.count("is finished") == 1
    for key, value in one.items():
        assert torch.allclose(value.float(), two[key].float(), rtol=1e-3, atol=5e-5), key
