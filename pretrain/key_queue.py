"""The queue of keys that MoCo draws its negatives from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class KeyQueue(nn.Module):
    """First-in, first-out store of keys as persistent buffers: saved and resumed with the module.

    Correct for any number of keys at once, also across the wrap and beyond its size. Keys must come
    gathered over the ranks, so that all ranks hold the same queue (under DDP with
    `broadcast_buffers=False`).
    Source: MoCo, arXiv:1911.05722, section 3.2; the empty part is masked, not filled with random vectors.

    Args:
        size: Capacity in keys, at least 1.
        dim: Length of a key.
        keys_per_step: Keys taken of each `enqueue`, the first ones (rows are independent draws); None takes
            all. Held fixed, the age of the negatives does not change with the batch size.

    Raises:
        ValueError: If `size` or `keys_per_step` is less than 1.
    """

    keys: Tensor
    pointer: Tensor
    filled: Tensor

    def __init__(self, size: int, dim: int, keys_per_step: int | None = None) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"queue size {size} must be at least 1 key")
        if keys_per_step is not None and keys_per_step < 1:
            raise ValueError(f"keys_per_step={keys_per_step} must be at least 1, or null for all keys")
        self.size = size
        self.keys_per_step = keys_per_step
        self.register_buffer("keys", torch.zeros(size, dim))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))  # where the next key goes
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))  # keys stored, at most `size`

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Replaces the oldest keys by `keys` (N, D), equal on all ranks; beyond `size` the last ones stay."""
        keys = keys[: self.keys_per_step].to(self.keys.dtype)
        count = keys.shape[0]
        kept = min(count, self.size)
        offsets = torch.arange(count - kept, count, device=self.keys.device)  # (kept,)
        places = (self.pointer + offsets) % self.size
        self.keys.index_copy_(0, places, keys[count - kept :])
        self.pointer.copy_((self.pointer + count) % self.size)
        self.filled.copy_((self.filled + count).clamp(max=self.size))

    def negatives(self) -> tuple[Tensor, Tensor]:
        """A copy of the keys (size, D), safe until the backward pass, and which are valid."""
        valid = torch.arange(self.size, device=self.keys.device) < self.filled
        return self.keys.clone(), valid

    def fill(self) -> Tensor:
        """Filled share of the queue, scalar in [0, 1]."""
        return self.filled / self.size
