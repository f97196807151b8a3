"""Fast-MoCo: combined embeddings of small parts predict the target of a whole view."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from pretrain.losses import batch_info_nce, count_other_rows, measure_alignment
from pretrain.methods.base import NEGATIVE_ROWS, MethodOutput, MomentumMethod, apply_per_view, embed, l2_normalize
from pretrain.positives import Positives, Terms
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import MIN_IMAGE_SIDE, Encoder

COMBINE_CHOICES = ("parts", "images")


@dataclass
class FastMoCoConfig:
    """Options of Fast-MoCo; published with key momentum 0.99, as in its recipe."""

    combine: str = "parts"  # parts of one view, as published; images: parts of different views of a row
    grid: int = bounded(2, 1, 16)  # parts per side of a view, as published
    hidden_dim: int = bounded(2048, 1, 2**16)  # the authors' code
    output_dim: int = bounded(2048, 1, 2**16)  # the authors' code
    prediction_hidden_dim: int = bounded(512, 1, 2**16)  # the authors' code
    temperature: float = bounded(1.0, above=0, high=1000)  # the authors' code


class FastMoCo(MomentumMethod):
    """Fast-MoCo: momentum target, predictor, in-batch negatives; published with two symmetric views.

    Each query view is cut into parts, the encoder embeds each part separately, and the means of pairs of pooled vectors
    pass through projector and predictor. `combine=parts` pairs the parts of one view (six pairs of 2x2 parts); each
    pair predicts the target of the view. `combine=images` pairs parts at the same position of different query views,
    which share only their degradation if the views come from different images; the key must not be one of them, so
    `symmetric` is refused. Negatives are the keys of other rows in the same slot, gathered over ranks.
    Source: Fast-MoCo, arXiv:2207.08220, section 3.2.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method.

    Raises:
        ValueError: `combine` is unknown, the grid has a single part, or fewer than two query views can be combined.
    """

    compares_rows = True

    def __init__(self, encoder: Encoder, positives: Positives, config: FastMoCoConfig) -> None:
        from lightly.models.modules.heads import MoCoProjectionHead, SimSiamPredictionHead

        if config.combine not in COMBINE_CHOICES:
            choices = ", ".join(COMBINE_CHOICES)
            raise ValueError(f"method.combine={config.combine!r} must be one of {choices}")
        if config.grid < 2:
            raise ValueError(f"method.grid={config.grid} must be at least 2")
        if config.combine == "images" and (positives.config.symmetric or positives.query_views < 2):
            raise ValueError(
                "fastmoco with combine=images combines two query views that are not keys: it needs "
                "positives.side=query or both, count >= 2 and symmetric=false"
            )
        projector = MoCoProjectionHead(encoder.dim, config.hidden_dim, config.output_dim, num_layers=3, batch_norm=True)
        super().__init__(encoder, positives, projector)
        self.predictor = SimSiamPredictionHead(config.output_dim, config.prediction_hidden_dim, config.output_dim)
        self.config = config

    def check(self, patches: tuple[int, ...], rows: int) -> None:
        """Refuses crops that cannot be cut into equal parts of a sufficient size."""
        super().check(patches, rows)
        grid = self.config.grid
        for patch in patches:
            if patch % grid or patch // grid < MIN_IMAGE_SIDE:
                raise ValueError(
                    f"a crop of {patch} pixels cannot be cut into method.grid={grid} x {grid} equal parts of at least "
                    f"{MIN_IMAGE_SIDE} pixels"
                )

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        query_crops, key_crops = self.positives.split(views.crops)
        parts = tuple(cut_into_parts(crop, self.config.grid).flatten(1, 2) for crop in query_crops)
        vectors = embed(self.encoder, parts).vectors.unflatten(1, (-1, self.config.grid**2))  # (B, Q, P, dim)
        combined = self._combine(vectors)  # (B, Q, N, dim)
        projections = apply_per_view(self.projector, combined.flatten(1, 2))  # (B, Q * N, D)
        self.record_projections(projections)
        predictions = l2_normalize(apply_per_view(self.predictor, projections))
        predictions = predictions.unflatten(1, combined.shape[1:3])  # (B, Q, N, D)
        keys = self.target_keys(key_crops)
        per_combination = [self.positives.terms(p, keys) for p in predictions.unbind(dim=2)]
        terms = Terms(
            queries=torch.cat([t.queries for t in per_combination], dim=1),  # (B, T * N, D)
            candidates=per_combination[0].candidates,
            slots=torch.cat([t.slots for t in per_combination]),
        )
        loss = batch_info_nce(terms, self.config.temperature, same_slot=True)
        logs = {"loss": loss.detach(), "alignment": measure_alignment(terms)}
        if self.positives.compares_single_views and self.config.combine == "parts":
            logs[NEGATIVE_ROWS] = count_other_rows(terms)
        return MethodOutput(loss, logs)

    def _combine(self, vectors: Tensor) -> Tensor:
        """Averages pairs of parts, (B, Q, P, dim) -> (B, Q, N, dim), or (B, N * P, 1, dim) across views."""
        across_views = self.config.combine == "images"
        dim = 1 if across_views else 2
        first, second = zip(*combinations(range(vectors.shape[dim]), 2), strict=True)
        means = (_select(vectors, dim, first) + _select(vectors, dim, second)) / 2
        return means.flatten(1, 2).unsqueeze(2) if across_views else means


def _select(x: Tensor, dim: int, indices: tuple[int, ...]) -> Tensor:
    """Selects a few indices of a dimension, without a copy of the indices to the device."""
    return torch.stack([x.select(dim, i) for i in indices], dim=dim)


def cut_into_parts(crops: Tensor, grid: int) -> Tensor:
    """Cuts views into a grid of parts, row by row, (B, V, 3, p, p) -> (B, V, grid^2, 3, p / grid, p / grid)."""
    parts = crops.unflatten(-1, (grid, -1)).unflatten(-3, (grid, -1))  # (B, V, 3, grid, h, grid, h)
    return parts.permute(0, 1, 3, 5, 2, 4, 6).flatten(2, 3)
