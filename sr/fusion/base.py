"""What every fusion is: a module for one slot of a network, features and condition in, features out."""

from typing import Any

from torch import Tensor, nn

from sr.conditioning.adapter import Condition


class Fusion(nn.Module):
    """Changes the features of one slot by the condition; a network has one of it in every slot.

    Fusions start as the identity, or near it, so that a network begins as it would without a condition.

    Args:
        features: C, channels of the features.
        width: W of the condition.
        config: the fusion's own options.
    """

    def __init__(self, features: int, width: int, config: object) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def uses(cls, config: Any) -> tuple[str, ...]:
        """What the condition must hold with these options, see `sr.conditioning.adapter.USES`."""
        return ("vector",)

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w), any h, w."""
        raise NotImplementedError


def zero_init(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Sets weights and bias of a layer to 0, so that it adds nothing at the start; returns the layer."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
