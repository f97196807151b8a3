"""Fast-MoCo: combinations of the embeddings of small parts predict the target of a whole view."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from pretrain.losses import alignment_of, batch_info_nce, other_rows
from pretrain.methods.base import NEGATIVE_ROWS, MethodOutput, MomentumMethod, embed, per_view, unit
from pretrain.positives import Positives, Terms
from pretrain.views import ViewBatch
from shared.encoders import MIN_IMAGE_SIDE, Encoder

COMBINES = ("parts", "images")


@dataclass
class FastMoCoConfig:
    """Options of Fast-MoCo; published with key momentum 0.99, as the recipe sets it."""

    combine: str = "parts"  # parts of one view, as published; images: parts of different views of a row
    grid: int = 2  # a view is cut into grid x grid parts, as published
    hidden_dim: int = 2048  # the authors' code
    output_dim: int = 2048  # the authors' code
    prediction_hidden_dim: int = 512  # the authors' code
    temperature: float = 1.0  # the authors' code


class FastMoCo(MomentumMethod):
    """Fast-MoCo: momentum target, predictor, in-batch negatives; published with two symmetric views.

    Every query view is cut into parts, each goes through the encoder by itself, and the means of pairs of
    pooled vectors go through projector and predictor. `combine=parts` pairs the parts of one view (2x2
    parts: six pairs), each predicts what the view would predict. `combine=images` pairs parts at the same
    place of different query views, which share only their degradation if the views come from different
    images; a key must not be among them, so `symmetric` is refused. Negatives are the other rows' keys in
    the same slot, gathered over ranks.
    Source: Fast-MoCo, arXiv:2207.08220, section 3.2.

    Args:
        encoder: The online encoder.
        positives: Which views are positives and how they are aggregated.
        config: The options.

    Raises:
        ValueError: If `combine` is unknown, the grid has a single part, or there are no two query views to
            combine.
    """

    compares_rows = True

    def __init__(self, encoder: Encoder, positives: Positives, config: FastMoCoConfig) -> None:
        from lightly.models.modules.heads import MoCoProjectionHead, SimSiamPredictionHead

        if config.combine not in COMBINES:
            choices = ", ".join(COMBINES)
            raise ValueError(f"method.combine={config.combine!r} is unknown, choose one of {choices}")
        if config.grid < 2:
            raise ValueError(f"method.grid={config.grid} must be at least 2 to have parts")
        if config.combine == "images" and (positives.config.symmetric or positives.query_views < 2):
            raise ValueError(
                "fastmoco with combine=images combines two query views against other views' keys: it needs "
                "positives.side=query or both, count >= 2 and symmetric=false"
            )
        projector = MoCoProjectionHead(encoder.dim, config.hidden_dim, config.output_dim, num_layers=3, batch_norm=True)
        super().__init__(encoder, positives, projector)
        self.predictor = SimSiamPredictionHead(config.output_dim, config.prediction_hidden_dim, config.output_dim)
        self.config = config

    def check(self, patches: tuple[int, ...], rows: int) -> None:
        """Refuses crops that cannot be cut into parts."""
        super().check(patches, rows)
        grid = self.config.grid
        for patch in patches:
            if patch % grid or patch // grid < MIN_IMAGE_SIDE:
                raise ValueError(
                    f"a crop of {patch} pixels cannot be cut into method.grid={grid} x {grid} equal parts of at least "
                    f"{MIN_IMAGE_SIDE} pixels"
                )

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss."""
        query_crops, key_crops = self.positives.split(views.crops)
        parts = tuple(cut(crop, self.config.grid).flatten(1, 2) for crop in query_crops)
        vectors = embed(self.encoder, parts).vectors.unflatten(1, (-1, self.config.grid**2))  # (B, Q, P, dim)
        combined = self._combine(vectors)  # (B, Q, N, dim)
        projections = per_view(self.projector, combined.flatten(1, 2))  # (B, Q * N, D)
        self.record_projections(projections)
        predictions = unit(per_view(self.predictor, projections))
        predictions = predictions.unflatten(1, combined.shape[1:3])  # (B, Q, N, D)
        keys = self.target_keys(key_crops)
        per_combination = [self.positives.terms(p, keys) for p in predictions.unbind(dim=2)]
        terms = Terms(
            queries=torch.cat([t.queries for t in per_combination], dim=1),  # (B, T * N, D)
            candidates=per_combination[0].candidates,
            slots=torch.cat([t.slots for t in per_combination]),
        )
        loss = batch_info_nce(terms, self.config.temperature, same_slot=True)
        logs = {"loss": loss.detach(), "alignment": alignment_of(terms)}
        of_views = self.positives.compares_single_views and self.config.combine == "parts"
        return MethodOutput(loss, logs | ({NEGATIVE_ROWS: other_rows(terms)} if of_views else {}))

    def _combine(self, vectors: Tensor) -> Tensor:
        """Means of pairs of parts, (B, Q, P, dim) -> (B, Q, N, dim), or (B, N * P, 1, dim) across views."""
        across_views = self.config.combine == "images"
        dim = 1 if across_views else 2
        first, second = zip(*combinations(range(vectors.shape[dim]), 2), strict=True)
        means = (_pick(vectors, dim, first) + _pick(vectors, dim, second)) / 2
        return means.flatten(1, 2).unsqueeze(2) if across_views else means


def _pick(x: Tensor, dim: int, indices: tuple[int, ...]) -> Tensor:
    """Stacks x at each of a few indices of a dimension, without a copy of the indices to the device."""
    return torch.stack([x.select(dim, i) for i in indices], dim=dim)


def cut(crops: Tensor, grid: int) -> Tensor:
    """Cuts views into parts, row by row, (B, V, 3, p, p) -> (B, V, grid^2, 3, p / grid, p / grid)."""
    parts = crops.unflatten(-1, (grid, -1)).unflatten(-3, (grid, -1))  # (B, V, 3, grid, h, grid, h)
    return parts.permute(0, 1, 3, 5, 2, 4, 6).flatten(2, 3)
