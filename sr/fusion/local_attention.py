"""Attention of each position to a window around it, without a loop over samples or positions."""

import torch
import torch.nn.functional as F
from torch import Tensor


def local_attention(
    query: Tensor, key: Tensor, value: Tensor, *, window: int, heads: int = 1, scaled: bool = True
) -> Tensor:
    """Averages at each position the values around it, weighted by the softmax of <query, key> / sqrt(d).

    Keys and values are padded by repeating the edge.

    Args:
        query: Queries, (B, D, h, w), or (B, D, 1, 1) if all positions share one.
        key, value: Keys and values, (B, D, h, w).
        window: Side of the window in pixels, odd.
        heads: Number of heads, each with d = D / heads channels.
        scaled: Whether the dot products are divided by sqrt(d).

    Returns:
        The weighted means, (B, D, h, w).
    """
    reach = window // 2
    h, w = value.shape[-2:]
    query = query.unflatten(1, (heads, -1))  # (B, heads, d, h, w)
    query = query * query.shape[2] ** -0.5 if scaled else query
    keys, values = (F.pad(x, (reach,) * 4, mode="replicate").unflatten(1, (heads, -1)) for x in (key, value))
    offsets = [(top, left) for top in range(window) for left in range(window)]
    logits = [(query * keys[..., top : top + h, left : left + w]).sum(2, keepdim=True) for top, left in offsets]
    weights = torch.stack(logits).softmax(0)  # (window^2, B, heads, 1, h, w)
    total = weights[0] * values[..., :h, :w]
    for weight, (top, left) in zip(weights[1:], offsets[1:], strict=True):
        total = total + weight * values[..., top : top + h, left : left + w]
    return total.flatten(1, 2)
