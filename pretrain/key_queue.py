"""Queue of keys that serve as negatives for MoCo."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class KeyQueue(nn.Module):
    """First-in, first-out store of keys in persistent buffers, saved and resumed with the module.

    Any number of keys may be enqueued in one call, also more than fit before the wrap or into the queue. They must be
    gathered over the ranks, so that all ranks hold the same queue (under DDP with `broadcast_buffers=False`).
    Source: MoCo, arXiv:1911.05722, section 3.2; the empty part is masked, not filled with random vectors.

    Args:
        size: Capacity in keys, at least 1.
        dim: Length of a key.
        keys_per_step: Number of keys that each `enqueue` stores, the first ones (rows are independent draws); None
            stores all. A fixed number makes the age of the negatives independent of the batch size.

    Raises:
        ValueError: `size` or `keys_per_step` is less than 1.
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
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))  # index of the next key
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))  # keys stored, at most `size`

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Replaces the oldest keys by `keys` (N, D), the same on all ranks; of more than `size` the last ones stay."""
        keys = keys[: self.keys_per_step].to(self.keys.dtype)
        count = keys.shape[0]
        stored = min(count, self.size)
        offsets = torch.arange(count - stored, count, device=self.keys.device)  # (stored,)
        slots = (self.pointer + offsets) % self.size
        self.keys.index_copy_(0, slots, keys[count - stored :])
        self.pointer.copy_((self.pointer + count) % self.size)
        self.filled.copy_((self.filled + count).clamp(max=self.size))

    def negatives(self) -> tuple[Tensor, Tensor]:
        """Returns a copy of the keys (size, D), so that `enqueue` may precede the backward pass, and their validity."""
        valid = torch.arange(self.size, device=self.keys.device) < self.filled
        return self.keys.clone(), valid

    def fill_fraction(self) -> Tensor:
        """Returns the filled fraction of the queue, scalar in [0, 1]."""
        return self.filled / self.size
