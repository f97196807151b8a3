"""Projection heads that lightly does not have."""

from __future__ import annotations

from torch import nn


def centred_head(input_dim: int, hidden_dim: int, output_dim: int) -> nn.Module:
    """Makes a projector of two layers, each with batch norm, whose outputs have mean zero over the batch.

    Source: MoCo v3, arXiv:2104.02057, for a ResNet50: the last batch norm has no weights.
    """
    from lightly.models.modules.heads import ProjectionHead

    hidden = (input_dim, hidden_dim, nn.BatchNorm1d(hidden_dim), nn.ReLU())
    return ProjectionHead([hidden, (hidden_dim, output_dim, nn.BatchNorm1d(output_dim, affine=False), None)])
