"""Projection heads as plain data: their layers in JSON and their weights, so that an artefact can carry one."""

from typing import Any

from torch import nn


def describe_projector(projector: nn.Module) -> list[list[Any]]:
    """The layers of one of lightly's heads: ["linear", in, out, bias], ["batch_norm", channels, affine], ["relu"].

    Raises:
        ValueError: a layer is of another kind.
    """
    described: list[list[Any]] = []
    for layer in _layers(projector):
        if isinstance(layer, nn.Linear):
            described.append(["linear", layer.in_features, layer.out_features, layer.bias is not None])
        elif isinstance(layer, nn.BatchNorm1d):
            described.append(["batch_norm", layer.num_features, layer.affine])
        elif isinstance(layer, nn.ReLU):
            described.append(["relu"])
        else:
            raise ValueError(f"a projector is made of Linear, BatchNorm1d and ReLU, not of {type(layer).__name__}")
    return described


def projector_state(projector: nn.Module) -> dict[str, Any]:
    """Weights and statistics as `build_projector(...).state_dict()` names them."""
    return nn.Sequential(*_layers(projector)).state_dict()


def build_projector(described: list[list[Any]]) -> nn.Sequential:
    """The head that `describe_projector` described, with fresh weights.

    Raises:
        ValueError: the description is not of that form.
    """
    try:
        return nn.Sequential(*(_layer(*one) for one in described))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{described!r} does not describe a projector") from error


def _layer(kind: str, *values: Any) -> nn.Module:
    if kind == "linear":
        inputs, outputs, bias = values
        return nn.Linear(inputs, outputs, bias=bias)
    if kind == "batch_norm":
        channels, affine = values
        return nn.BatchNorm1d(channels, affine=affine)
    if kind == "relu" and not values:
        return nn.ReLU()
    raise ValueError(f"unknown layer {kind!r}")


def _layers(projector: nn.Module) -> list[nn.Module]:
    return [module for module in projector.modules() if not list(module.children())]
