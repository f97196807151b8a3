"""The interface of all fusions: a module for one slot of a network, from features and condition to features."""

from typing import Any

from torch import Tensor, nn

from sr.conditioning.adapter import Condition


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


def zero_init(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Sets weight and bias of a layer to 0, so that it adds nothing at the start, and returns the layer."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
