"""The interface of all fusions: a module for one slot of a network, from features and condition to features."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sr.conditioning.adapter import Condition

SOURCES = ("vector", "map")


@dataclass
class SourceConfig:
    """The option of fusions that read the representation either pooled or un-pooled.

    Attributes:
        source: `vector`, the pooled representation, which is the same at all positions, or `map`, the un-pooled one.
    """

    source: str = "vector"


class Fusion(nn.Module):
    """A module that modulates features by the condition; a network has one in each of its slots.

    Fusions start as the identity, or near it, so that training starts as it would without a condition.

    Args:
        features: C, the number of channels of the features.
        width: W, the number of channels of the condition.
        config: The options of the fusion.
    """

    def __init__(self, features: int, width: int, config: object) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        """Returns the parts of a representation that the fusion reads, see `sr.conditioning.adapter.USES`."""
        return ("vector",)

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        """Modulates features (B, C, h, w) of any size."""
        raise NotImplementedError


class GuidedFusion(Fusion):
    """A fusion that reads the vector or the map, as its option `source` says.

    Args:
        features, width: As in `Fusion`.
        config: The options of the fusion.

    Raises:
        ValueError: `source` is unknown.
    """

    def __init__(self, features: int, width: int, config: SourceConfig) -> None:
        super().__init__(features, width, config)
        if config.source not in SOURCES:
            raise ValueError(f"fusion.source={config.source!r} must be one of {', '.join(SOURCES)}")
        self.from_map = config.source == "map"

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        return ("last_map",) if config.source == "map" else ("vector",)

    def condition_map(self, features: Tensor, condition: Condition) -> Tensor:
        """Returns the map, (B, W, h, w), or the vector as a map that has one position, (B, W, 1, 1)."""
        return condition.require_map(features) if self.from_map else condition.require_vector()[:, :, None, None]


def zero_init(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Sets weight and bias of a layer to 0, so that it adds nothing at the start, and returns the layer."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
