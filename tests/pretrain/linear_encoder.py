"""Small encoder without batch norm that fulfils the contract of `shared.encoders.Encoder`."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from pretrain.views import ViewBatch
from shared.degradations import SUMMARY_RANGES
from shared.encoders import Representation

MARGIN = 10  # pixels around the sharp crops


class LinearEncoder(nn.Module):
    """Average pooling to 4x4, a linear layer and tanh."""

    dim = 12

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(48, self.dim)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.linear.weight.normal_(generator=generator)
            self.linear.bias.normal_(generator=generator)

    def forward(self, images: Tensor) -> Representation:
        pooled = adaptive_avg_pool2d(images, 4)  # (B, 3, 4, 4)
        return Representation(torch.tanh(self.linear(pooled.flatten(1))), (pooled,))


def random_views(rows: int, counts_and_sizes: tuple[tuple[int, int], ...] = ((2, 16),), seed: int = 0) -> ViewBatch:
    """Draws views of uniform noise in any number and size, with random parameters and sharp crops."""
    generator = torch.Generator().manual_seed(seed)

    def draw(margin: int) -> tuple[Tensor, ...]:
        sides = [(n, size + 2 * margin) for n, size in counts_and_sizes]
        return tuple(torch.rand(rows, n, 3, side, side, generator=generator) for n, side in sides)

    crops, parameters = draw(0), torch.rand(rows, len(SUMMARY_RANGES), generator=generator)
    return ViewBatch(crops, parameters, draw(MARGIN))
