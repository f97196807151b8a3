"""SimSiam: predict the other view's projection, which is held fixed; no negatives, no momentum."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pretrain.losses import alignment_loss, alignment_of
from pretrain.methods.base import Method, MethodOutput, embed, per_view, unit
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.encoders import Encoder


@dataclass
class SimSiamConfig:
    """Options of SimSiam and FastSiam."""

    hidden_dim: int = 2048  # SimSiam, section 3
    output_dim: int = 2048  # SimSiam, section 3
    prediction_hidden_dim: int = 512  # the bottleneck, a quarter of the output


class SimSiam(Method):
    """Siamese networks, predictor and stop-gradient; published with `positives.symmetric=true` and two views.

    Source: SimSiam, arXiv:2011.10566, eq. 1 and 2.

    Args:
        encoder: The online encoder.
        positives: Which views are positives and how they are aggregated.
        config: The options.
    """

    def __init__(self, encoder: Encoder, positives: Positives, config: SimSiamConfig) -> None:
        from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead

        super().__init__(encoder, positives)
        self.projector = SimSiamProjectionHead(encoder.dim, config.hidden_dim, config.output_dim)
        self.predictor = SimSiamPredictionHead(config.output_dim, config.prediction_hidden_dim, config.output_dim)

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss."""
        vectors, first_views = embed(self.encoder, views.crops)
        projections = per_view(self.projector, vectors)  # (B, V, D)
        self.record_projections(projections)
        queries, keys = self.positives.roles(projections)
        predictions = unit(per_view(self.predictor, queries))
        terms = self.positives.terms(predictions, self.targets(keys.detach()))
        loss = alignment_loss(terms)
        return MethodOutput(loss, {"loss": loss.detach(), "alignment": alignment_of(terms)}, first_views)

    def targets(self, keys: Tensor) -> Tensor:
        """What is aggregated on the key side, (B, K, D) -> (B, K, D)."""
        return unit(keys)
