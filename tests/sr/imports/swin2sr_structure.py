"""Swin2SR for classical super-resolution, rebuilt from its paper and Swin V2's, with the names of its checkpoints."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.sr.imports.structures import DIV2K_MEAN, conv, make_tail


def cut(x: Tensor, window: int) -> Tensor:
    """Cuts (B, H, W, C) into windows, (B * N, window^2, C)."""
    b, h, w, c = x.shape
    return x.view(b, h // window, window, w // window, window, c).transpose(2, 3).reshape(-1, window**2, c)


def join(windows: Tensor, window: int, height: int, width: int) -> Tensor:
    c = windows.shape[-1]
    grid = windows.view(-1, height // window, width // window, window, window, c)
    return grid.transpose(2, 3).reshape(-1, height, width, c)


class Attention(nn.Module):
    """Cosine attention whose bias is a small network of the logarithmic distance."""

    def __init__(self, features: int, heads: int, window: int):
        super().__init__()
        self.heads = heads
        self.logit_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10)))
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, heads, bias=False))
        self.qkv = nn.Linear(features, 3 * features, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(features)), nn.Parameter(torch.zeros(features))
        self.proj = nn.Linear(features, features)
        offsets = torch.arange(1 - window, window) / (window - 1) * 8
        offsets = offsets.sign() * (offsets.abs() + 1).log2() / 3
        table = torch.stack(torch.meshgrid(offsets, offsets, indexing="ij"), -1)
        self.register_buffer("relative_coords_table", table[None])
        y, x = torch.arange(window**2) // window, torch.arange(window**2) % window
        rows, columns = (p[:, None] - p + window - 1 for p in (y, x))
        self.register_buffer("relative_position_index", rows * (2 * window - 1) + columns)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attends within windows (B * N, n, C), where the mask (N, n, n) is 0, not -100."""
        rows, n, c = x.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = (x @ self.qkv.weight.T + bias).view(rows, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        similarity = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-1, -2)
        similarity = similarity * self.logit_scale.clamp(max=math.log(100)).exp()
        table = self.cpb_mlp(self.relative_coords_table).view(-1, self.heads)
        similarity = similarity + 16 * table[self.relative_position_index].permute(2, 0, 1).sigmoid()
        similarity = (similarity.view(-1, len(mask), self.heads, n, n) + mask[:, None]).view(similarity.shape)
        return self.proj((similarity.softmax(-1) @ v).transpose(1, 2).reshape(rows, n, c))


class Block(nn.Module):
    def __init__(self, features: int, heads: int, window: int, shift: int, mlp_ratio: float):
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1, self.norm2 = nn.LayerNorm(features), nn.LayerNorm(features)
        self.attn = Attention(features, heads, window)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(features, int(features * mlp_ratio))
        self.mlp.fc2 = nn.Linear(int(features * mlp_ratio), features)
        self.register_buffer("attn_mask", self.mask(2 * window, 2 * window) if shift else None)

    def mask(self, height: int, width: int) -> Tensor:
        """Forbids attention between the parts that the cyclic shift brings together."""

        def parts(side: int) -> Tensor:
            position = torch.arange(side)
            return (position >= side - self.window).long() + (position >= side - self.shift) * (self.shift > 0)

        region = 3 * parts(height)[:, None] + parts(width)
        region = cut(region[None, :, :, None], self.window)[..., 0] if self.shift else torch.zeros(1, self.window**2)
        return -100.0 * (region[:, None] != region[:, :, None]).float()

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[1:3]
        windows = cut(x.roll((-self.shift, -self.shift), (1, 2)), self.window)
        attended = join(self.attn(windows, self.mask(h, w)), self.window, h, w).roll((self.shift, self.shift), (1, 2))
        x = x + self.norm1(attended)
        return x + self.norm2(self.mlp.fc2(F.gelu(self.mlp.fc1(x))))


class Group(nn.Module):
    def __init__(self, features: int, blocks: int, heads: int, window: int, mlp_ratio: float):
        super().__init__()
        self.residual_group = nn.Module()
        self.residual_group.blocks = nn.ModuleList(
            Block(features, heads, window, window // 2 * (i % 2), mlp_ratio) for i in range(blocks)
        )
        self.conv = conv(features, features)
        self.patch_embed = nn.Module()
        self.patch_embed.proj = conv(features, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.permute(0, 2, 3, 1)
        for block in self.residual_group.blocks:
            tokens = block(tokens)
        return x + self.patch_embed.proj(self.conv(tokens.permute(0, 3, 1, 2)))


class Swin2SR(nn.Module):
    """Images in 0..1; pads by itself."""

    def __init__(self, *, features=180, groups=6, blocks=6, heads=6, window=8, mlp_ratio=2.0, tail=64, scale=2):
        super().__init__()
        self.window, self.scale = window, scale
        self.conv_first = conv(3, features)
        self.patch_embed = nn.Module()
        self.patch_embed.proj, self.patch_embed.norm = conv(features, features, 1), nn.LayerNorm(features)
        self.layers = nn.ModuleList(Group(features, blocks, heads, window, mlp_ratio) for _ in range(groups))
        self.norm = nn.LayerNorm(features)
        self.conv_after_body = conv(features, features)
        self.conv_before_upsample = nn.Sequential(conv(features, tail))
        self.upsample, self.conv_last = make_tail(tail, scale)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        x = F.pad(x, (0, -w % self.window, 0, -h % self.window), mode="reflect")
        mean = torch.tensor(DIV2K_MEAN).view(3, 1, 1)
        first = self.conv_first(x - mean)
        deep = normalise(self.patch_embed.norm, self.patch_embed.proj(first))
        for group in self.layers:
            deep = group(deep)
        deep = self.conv_after_body(normalise(self.norm, deep)) + first
        image = self.conv_last(self.upsample(F.leaky_relu(self.conv_before_upsample(deep), 0.01))) + mean
        return image[..., : self.scale * h, : self.scale * w]


def normalise(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    return norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
