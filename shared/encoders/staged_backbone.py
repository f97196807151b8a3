"""A backbone of stages, one after the other."""

from collections.abc import Iterable

from torch import Tensor, nn


class StagedBackbone(nn.Module):
    """Stages whose outputs are the maps of an encoder.

    Args:
        stages: The stages, from the finest map to the coarsest.
    """

    def __init__(self, stages: Iterable[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Computes the map of each stage of images (B, C, H, W)."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)
