"""A Transformer block with queries from the representation, keys and values from the features."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.bounds import bounded
from sr.conditioning.adapter import Condition
from sr.fusion.base import GuidedFusion, SourceConfig, zero_init


@dataclass
class CrossAttentionConfig(SourceConfig):
    """Options of the Transformer block.

    Attributes:
        heads: Number of attention heads.
        window: Side of the attention windows in pixels.
        mlp_ratio: Number of hidden channels of the perceptron per channel of the features.
    """

    heads: int = bounded(4, 1, 4096)
    window: int = bounded(8, 1, 64)
    mlp_ratio: int = bounded(2, 1, 64)


class CrossAttention(GuidedFusion):
    """Window attention with queries from the representation, then a perceptron; both add 0 at the start.

    Source: idea I5 of the project's research notes; blocks as in Vaswani et al., "Attention Is All You Need", 2017,
    with pre-normalisation; windows as in Liu et al., "Swin Transformer", ICCV 2021.
    """

    def __init__(self, features: int, width: int, config: CrossAttentionConfig) -> None:
        super().__init__(features, width, config)
        if config.window < 1 or config.heads < 1 or features % config.heads:
            raise ValueError(
                f"fusion.heads={config.heads} must divide the {features} features, and fusion.window={config.window} "
                "must be at least 1"
            )
        self.heads, self.window = config.heads, config.window
        self.query = nn.Linear(width, features)
        self.norm, self.norm2 = nn.LayerNorm(features), nn.LayerNorm(features)
        self.key_value = nn.Linear(features, 2 * features)
        self.project = zero_init(nn.Linear(features, features))
        hidden = config.mlp_ratio * features
        self.perceptron = nn.Sequential(nn.Linear(features, hidden), nn.GELU(), zero_init(nn.Linear(hidden, features)))

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        tokens = split_windows(features, self.window)  # (N, n, C): N windows of n tokens
        condition_map = self.condition_map(features, condition)
        queries = self.query(split_windows(condition_map.expand(-1, -1, *features.shape[-2:]), self.window))
        keys, values = self.key_value(self.norm(tokens)).chunk(2, dim=-1)
        shape = (tokens.shape[0], tokens.shape[1], self.heads, tokens.shape[2] // self.heads)
        query, key, value = (x.reshape(shape).transpose(1, 2) for x in (queries, keys, values))
        attended = F.scaled_dot_product_attention(query, key, value)  # (N, heads, n, d)
        tokens = tokens + self.project(attended.transpose(1, 2).reshape(tokens.shape))
        tokens = tokens + self.perceptron(self.norm2(tokens))
        return merge_windows(tokens, self.window, features.shape)


def split_windows(features: Tensor, side: int) -> Tensor:
    """Splits features into windows, padded by their edge to a whole number of them.

    Args:
        features: Features, (B, C, h, w).
        side: Side of the windows in pixels.

    Returns:
        Tokens (B * rows * columns, side^2, C), where the image has rows x columns windows.
    """
    b, c, h, w = features.shape
    rows, columns = (h + side - 1) // side, (w + side - 1) // side  # ONNX divides towards zero
    padded = F.pad(features, (0, columns * side - w, 0, rows * side - h), mode="replicate")
    parts = padded.reshape(b, c, rows, side, columns, side)
    parts = parts.permute(0, 2, 4, 3, 5, 1)  # (B, rows, columns, side, side, C)
    return parts.reshape(b * rows * columns, side * side, c)


def merge_windows(tokens: Tensor, side: int, shape: torch.Size) -> Tensor:
    """Inverts `split_windows`, for features of the given shape (B, C, h, w)."""
    b, c, h, w = shape
    rows, columns = (h + side - 1) // side, (w + side - 1) // side  # ONNX divides towards zero
    parts = tokens.reshape(b, rows, columns, side, side, c)
    parts = parts.permute(0, 5, 1, 3, 2, 4)  # (B, C, rows, side, columns, side)
    return parts.reshape(b, c, rows * side, columns * side)[..., :h, :w]
