"""The condition of a network: a representation compressed to one width and resized to the LR image."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.encoders import Representation

ADAPTERS = ("linear", "mlp")
USES = ("vector", "last_map", "all_maps", "all_means")  # the parts of a representation that a fusion may read


@dataclass(frozen=True)
class RepresentationShape:
    """The shape of a representation.

    Attributes:
        dim: D, the length of the vector.
        channels: Numbers of channels of the maps, from fine to coarse.
    """

    dim: int
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Condition:
    """A representation in the form that the fusions of one network read.

    Attributes:
        vector: The compressed vector, (B, W); None if no fusion reads it.
        map: The compressed map at the size of the features, (B, W, h, w); None if no fusion reads it.
        map_mean: The mean of the map over the whole image, (B, W), even if `map` covers only a tile.
    """

    vector: Tensor | None
    map: Tensor | None = None
    map_mean: Tensor | None = None

    def require_vector(self) -> Tensor:
        """Returns the vector, (B, W).

        Raises:
            ValueError: The condition has no vector.
        """
        if self.vector is None:
            raise ValueError("the condition has no vector: the fusion must list it in `uses`")
        return self.vector

    def code(self) -> Tensor:
        """Returns the vector, or else the mean of the map, (B, W)."""
        code = self.map_mean if self.vector is None else self.vector
        assert code is not None
        return code

    def require_map(self, features: Tensor) -> Tensor:
        """Returns the map, (B, W, h, w).

        Args:
            features: Features (B, C, h, w) whose height and width the map must have.

        Raises:
            ValueError: The condition has no map, or its map has another size.
        """
        if self.map is None or self.map.shape[-2:] != features.shape[-2:]:
            size = None if self.map is None else tuple(self.map.shape[-2:])
            raise ValueError(f"the condition's map is {size}, the features are {tuple(features.shape[-2:])}")
        return self.map


class Adapter(nn.Module):
    """Compresses those parts of a representation that the fusions read, once per image, before all blocks.

    Args:
        shape: The shape of the representation.
        width: W, the number of channels of the condition; 64 in DASR.
        uses: Some of `USES`: the vector, the coarsest map, the sum of the maps of all strides, or of their means, which
            then is the condition's vector.
        kind: `linear`, the vector is compressed by one layer without a bias, as in DASR; or `mlp`, by three layers with
            biases, of which two keep its length, as in KDSR.

    Raises:
        ValueError: The kind is unknown, or it is `mlp` and no fusion reads the vector.

    Source: the compression of the vector is DASR's: Wang et al., "Unsupervised Degradation Representation Learning for
    Blind Super-Resolution", CVPR 2021, section 3.3; or KDSR's: Xia et al., "Knowledge Distillation based Degradation
    Estimation for Blind Super-Resolution", ICLR 2023, section 3.2.
    """

    def __init__(self, shape: RepresentationShape, width: int, uses: tuple[str, ...], kind: str = "linear") -> None:
        super().__init__()
        check_adapter(kind)
        if kind == "mlp" and "vector" not in uses:
            raise ValueError("conditioning.adapter=mlp compresses the vector, which this fusion does not read")
        self.vector: nn.Module | None = None
        if "vector" in uses:
            hidden = [nn.Linear(shape.dim, shape.dim) for _ in range(2)] if kind == "mlp" else []
            layers = [*hidden, nn.Linear(shape.dim, width, bias=kind == "mlp")]
            self.vector = nn.Sequential(*(part for layer in layers for part in (layer, nn.LeakyReLU(0.1))))
        channels = shape.channels if "all_maps" in uses else shape.channels[-1:] if "last_map" in uses else ()
        self.maps = nn.ModuleList(nn.Conv2d(each, width, 1) for each in channels)
        self.means = nn.ModuleList(nn.Linear(each, width) for each in shape.channels if "all_means" in uses)

    def forward(self, representation: Representation, size: tuple[int, int] | torch.Size) -> Condition:
        """Computes the condition for features of (h, w) = `size`."""
        vector = None if self.vector is None else self.vector(representation.vector)
        if self.means:
            vector = self._sum_means(representation)
        if not self.maps:
            return Condition(vector)
        maps = representation.maps[len(representation.maps) - len(self.maps) :]
        total: Tensor | None = None
        for compress, map_ in zip(self.maps, maps, strict=True):
            resized = F.interpolate(compress(map_), size=tuple(size), mode="bilinear", align_corners=False)
            total = resized if total is None else total + resized
        assert total is not None
        total = F.leaky_relu(total, 0.1)
        return Condition(vector, total, total.mean((2, 3)))

    def _sum_means(self, representation: Representation) -> Tensor:
        means = [map_.mean((2, 3)) for map_ in representation.maps]
        parts = [compress(mean) for compress, mean in zip(self.means, means, strict=True)]
        return F.leaky_relu(torch.stack(parts).sum(0), 0.1)


def check_adapter(kind: str) -> None:
    """Refuses an unknown kind of adapter.

    Raises:
        ValueError: The kind is unknown.
    """
    if kind not in ADAPTERS:
        raise ValueError(f"conditioning.adapter={kind!r} must be one of {', '.join(ADAPTERS)}")
