"""Two gloo ranks with half a batch each against one process with the whole batch; without batch norm."""

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pretrain.methods import build_method
from pretrain.methods.fastmoco import FastMoCoConfig
from pretrain.methods.moco import MoCoConfig
from pretrain.methods.mocov3 import MoCoV3Config
from pretrain.methods.redegradation import RedegradationConfig
from pretrain.methods.simclr import SimCLRConfig
from pretrain.methods.supcon import SupConConfig
from pretrain.methods.vicreg import VICRegConfig
from pretrain.positives import Positives, PositivesConfig
from pretrain.views import ViewBatch
from tests.pretrain.linear_encoder import LinearEncoder, random_views

TRIPLE = PositivesConfig(2, symmetric=True)
CASES = {
    "moco": (MoCoConfig(16, 8, queue_size=10), PositivesConfig(2, aggregate="center", enqueue="all")),
    "moco, in batch": (MoCoConfig(16, 8, queue_size=0), TRIPLE),
    "mocov3": (MoCoV3Config(16, 8), TRIPLE),
    "simclr": (SimCLRConfig(16, 8, batch_norm=False), TRIPLE),
    "supcon": (SupConConfig(16, 8), PositivesConfig(2)),
    "fastmoco": (FastMoCoConfig(hidden_dim=16, output_dim=8), TRIPLE),
    "redegradation": (RedegradationConfig(kernel_size=5, hidden_dim=16, output_dim=8), TRIPLE),
    "vicreg": (VICRegConfig(16, 8), PositivesConfig(2, aggregate="all_pairs")),
}
ROWS, STEPS = 6, 3


def _build(name: str) -> nn.Module:
    torch.manual_seed(0)
    config, positives = CASES[name]
    method = build_method(name.split(",")[0], LinearEncoder(), Positives(positives), config)
    if name in ("fastmoco", "mocov3", "redegradation", "vicreg"):  # their heads have batch norm
        method.projector = nn.Linear(12, 8)
    if name in ("fastmoco", "mocov3"):
        method.target_projector = nn.Linear(12, 8).requires_grad_(False)
        method.predictor = nn.Linear(8, 8)
    if name == "redegradation":
        method.standardise = nn.Identity()
    return method


def _train(method: nn.Module, model: nn.Module, rows: slice) -> dict[str, Tensor]:
    """Trains for a few steps on the rows of one rank; returns losses, weights and the queue."""
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.1)
    losses = []
    for step in range(STEPS):
        views = random_views(ROWS, ((3, 16),), seed=step)
        loss, *_ = model(ViewBatch((views.crops[0][rows],), views.parameters[rows], (views.sharp[0][rows],)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.key_momentum = 0.5
        method.after_step()
        losses.append(loss.detach())
    return {"losses": torch.stack(losses), **method.state_dict()}


def _run_rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/rendezvous", rank=rank, world_size=2)
    half = ROWS // 2
    results = {}
    for name in CASES:
        method = _build(name)
        model = DistributedDataParallel(method, broadcast_buffers=False)
        results[name] = _train(method, model, slice(rank * half, (rank + 1) * half))
    torch.save(results, os.path.join(folder, f"{rank}.pt"))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    folder: Path = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(_run_rank, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_equal_one_process(name: str, ranks: list[dict[str, dict[str, Tensor]]]) -> None:
    method = _build(name)
    single = _train(method, method, slice(None))
    first, second = ranks[0][name], ranks[1][name]
    torch.testing.assert_close((first.pop("losses") + second.pop("losses")) / 2, single.pop("losses"))
    for key, value in single.items():
        torch.testing.assert_close(first[key], value, rtol=1e-4, atol=1e-6)
        assert torch.equal(first[key], second[key]), key
