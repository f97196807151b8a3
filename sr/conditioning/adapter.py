"""What steers a network: a representation brought to one width and to the size of the LR image."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.encoders import Representation

USES = ("vector", "last_map", "all_maps")  # what of a representation a fusion may read


@dataclass(frozen=True)
class RepresentationShape:
    """What a conditioning source gives.

    Attributes:
        dim: D, length of the vector.
        channels: of each map, fine to coarse.
    """

    dim: int
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Condition:
    """A representation as the fusions of one network see it.

    Attributes:
        vector: (B, W); None for fusions that do not read it.
        map: (B, W, h, w) at the size of the features; None for fusions that do not read it.
        map_mean: (B, W), the mean of the map of the whole image, also where `map` is that of a tile.
    """

    vector: Tensor | None
    map: Tensor | None = None
    map_mean: Tensor | None = None

    def require_vector(self) -> Tensor:
        """Gives the vector, (B, W).

        Raises:
            ValueError: the condition has none.
        """
        if self.vector is None:
            raise ValueError("the condition has no vector: the fusion's `uses` must name it")
        return self.vector

    def require_map(self, features: Tensor) -> Tensor:
        """Gives the map, (B, W, h, w).

        Args:
            features: the features (B, C, h, w) whose height and width the map must have.

        Raises:
            ValueError: the condition has no map, or one of another size.
        """
        if self.map is None or self.map.shape[-2:] != features.shape[-2:]:
            found = None if self.map is None else tuple(self.map.shape[-2:])
            raise ValueError(f"the condition's map is {found}, the features are {tuple(features.shape[-2:])}")
        return self.map


class Adapter(nn.Module):
    """Compresses what the fusions read of a representation; once per image, before all blocks.

    Args:
        shape: of the representation.
        width: W; DASR's is 64.
        uses: some of `USES`: the vector, the coarsest map, the maps of all strides (added up).

    Source: the vector's part is DASR's compression: Wang et al., "Unsupervised Degradation Representation Learning for
    Blind Super-Resolution", CVPR 2021, section 3.3.
    """

    def __init__(self, shape: RepresentationShape, width: int, uses: tuple[str, ...]) -> None:
        super().__init__()
        self.vector: nn.Module | None = None
        if "vector" in uses:
            self.vector = nn.Sequential(nn.Linear(shape.dim, width, bias=False), nn.LeakyReLU(0.1))
        channels = shape.channels if "all_maps" in uses else shape.channels[-1:] if "last_map" in uses else ()
        self.maps = nn.ModuleList(nn.Conv2d(each, width, 1) for each in channels)

    def forward(self, representation: Representation, size: tuple[int, int] | torch.Size) -> Condition:
        """The condition of features of (h, w) = `size`."""
        vector = None if self.vector is None else self.vector(representation.vector)
        if not self.maps:
            return Condition(vector)
        maps = representation.maps[len(representation.maps) - len(self.maps) :]
        total: Tensor | None = None
        for reduce, one in zip(self.maps, maps, strict=True):
            fitted = F.interpolate(reduce(one), size=tuple(size), mode="bilinear", align_corners=False)
            total = fitted if total is None else total + fitted
        assert total is not None
        map_ = F.leaky_relu(total, 0.1)
        return Condition(vector, map_, map_.mean((2, 3)))
