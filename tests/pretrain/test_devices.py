"""The entry point on two processes (gloo, CPU) against one."""

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

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


def find_ranks(group: int) -> list[int]:
    """Lists the processes of a group that run a training, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(ProcessLookupError, FileNotFoundError):  # it has ended meanwhile
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                found += [int(entry.name)] if b"pretrain.train" in command else []
    return sorted(found)


def test_when_one_process_dies_the_others_end_with_one_sentence(tmp_path):
    run = start_run(
        "pretrain.train",
        *("encoder=convnext_atto", "views=2x32", "batch_size=4", "steps=100000", "checkpoint_every=2"),
        *("data.dead_leaves=2", "accelerator=cpu", "devices=2", "name=on2", f"runs_dir={tmp_path}"),
    )
    deadline = time.monotonic() + 200
    while not (tmp_path / "pretrain" / "on2" / "last.ckpt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    second = find_ranks(run.pid)[-1]
    os.kill(second, signal.SIGKILL)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "Traceback" not in output
    assert re.search(r"another process of this run ended.*; the same command continues from step [1-9]", output)
