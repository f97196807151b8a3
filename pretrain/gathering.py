"""Gathering of tensors over the ranks of a distributed run, in rank order; the identity in a single process.

Every rank must hold the same number of rows. With DDP, which averages gradients, the mean over ranks of a
loss whose negatives were gathered has the gradient of the same loss on the whole batch.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Returns the number of ranks; 1 in a single process."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def own_rows(rows: int, device: torch.device) -> Tensor:
    """Returns the indices of this rank's rows in the gathered batch, (rows,) int64."""
    offset = dist.get_rank() * rows if world_size() > 1 else 0
    return torch.arange(rows, device=device) + offset


def gather(x: Tensor) -> Tensor:
    """Concatenates (N, ...) of all ranks to (world * N, ...), without gradients."""
    if world_size() == 1:
        return x.detach()
    parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world_size())]
    dist.all_gather(parts, x.detach().contiguous())
    return torch.cat(parts)


def gather_with_gradient(x: Tensor) -> Tensor:
    """Concatenates (N, ...) of all ranks to (world * N, ...); gradients flow back to their rank."""
    if world_size() == 1:
        return x
    from lightly.utils.dist import gather as differentiable_gather

    return torch.cat(differentiable_gather(x.contiguous()))
