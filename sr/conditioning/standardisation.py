"""Standardisation of a representation by statistics that are fitted before training and saved with the model."""

import torch
from torch import Tensor, nn

from shared.encoders import Representation
from sr.conditioning.adapter import RepresentationShape

MIN_SHARE = 1e-3  # deviations below this share of the median one are raised to it: such channels say nothing


class Standardisation(nn.Module):
    """Subtracts the mean and divides by the standard deviation of each channel's mean over an image.

    Args:
        shape: The shape of the representation.
    """

    def __init__(self, shape: RepresentationShape) -> None:
        super().__init__()
        for level, channels in enumerate(shape.channels):
            self.register_buffer(f"mean{level}", torch.zeros(channels))
            self.register_buffer(f"std{level}", torch.ones(channels))

    def fit(self, representations: list[Representation]) -> None:
        """Fits the statistics to representations of many images.

        Raises:
            ValueError: There are fewer than two images.
        """
        for level, maps in enumerate(zip(*(each.maps for each in representations), strict=True)):
            means = torch.cat([map_.float().mean((2, 3)) for map_ in maps])  # (N, C)
            if len(means) < 2:
                raise ValueError("the statistics of a representation need at least two images")
            std = means.std(0)
            self._buffer("mean", level).copy_(means.mean(0))
            self._buffer("std", level).copy_(std.clamp(min=max(1e-6, MIN_SHARE * float(std.median()))))

    def forward(self, representation: Representation) -> Representation:
        """Standardises the maps, and the vector, which is the mean of the last one."""
        maps = tuple(
            (map_ - self._buffer("mean", level)[:, None, None]) / self._buffer("std", level)[:, None, None]
            for level, map_ in enumerate(representation.maps)
        )
        last = len(maps) - 1
        vector = (representation.vector - self._buffer("mean", last)) / self._buffer("std", last)
        return Representation(vector, maps)

    def _buffer(self, name: str, level: int) -> Tensor:
        return self.get_buffer(f"{name}{level}")
