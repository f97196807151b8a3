"""Projection heads as plain data, a list of layers and a state dict, so that an artefact can contain them."""

from typing import Any

from torch import nn

MAX_WIDTH, MAX_LAYERS = 2**16, 16  # of a description; larger ones would fill the memory


def describe_projector(projector: nn.Module) -> list[list[Any]]:
    """Describes the layers of one of lightly's projection heads.

    Returns:
        Layers as ["linear", inputs, outputs, has bias], ["batch_norm", channels, is affine] or ["relu"].

    Raises:
        ValueError: A layer is of another kind.
    """
    description: list[list[Any]] = []
    for layer in _list_layers(projector):
        if isinstance(layer, nn.Linear):
            description.append(["linear", layer.in_features, layer.out_features, layer.bias is not None])
        elif isinstance(layer, nn.BatchNorm1d):
            description.append(["batch_norm", layer.num_features, layer.affine])
        elif isinstance(layer, nn.ReLU):
            description.append(["relu"])
        else:
            raise ValueError(f"a projector may contain Linear, BatchNorm1d and ReLU, but not {type(layer).__name__}")
    return description


def projector_state(projector: nn.Module) -> dict[str, Any]:
    """Returns weights and statistics under the names of `build_projector(...).state_dict()`."""
    return nn.Sequential(*_list_layers(projector)).state_dict()


def build_projector(description: list[list[Any]]) -> nn.Sequential:
    """Builds a projection head with new weights from the description by `describe_projector`.

    Raises:
        ValueError: The description has another form.
    """
    try:
        if len(description) > MAX_LAYERS:
            raise ValueError(f"{len(description)} layers")
        return nn.Sequential(*(_build_layer(*layer) for layer in description))
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"{str(description)[:200]} does not describe a projector") from error


def _build_layer(kind: str, *values: Any) -> nn.Module:
    if kind == "linear":
        inputs, outputs, bias = values
        if max(inputs, outputs) > MAX_WIDTH:
            raise ValueError(f"a layer of {inputs} x {outputs} weights")
        return nn.Linear(inputs, outputs, bias=bias)
    if kind == "batch_norm":
        channels, affine = values
        return nn.BatchNorm1d(channels, affine=affine)
    if kind == "relu" and not values:
        return nn.ReLU()
    raise ValueError(f"unknown layer {kind!r}")


def _list_layers(projector: nn.Module) -> list[nn.Module]:
    return [module for module in projector.modules() if not list(module.children())]
