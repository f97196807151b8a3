"""SimSiam: predicts the projection of the other view without its gradient; no negatives, no momentum."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pretrain.losses import alignment_loss, measure_alignment
from pretrain.methods.base import Method, MethodOutput, apply_per_view, embed, l2_normalize
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import Encoder


@dataclass
class SimSiamConfig:
    """Options of SimSiam and FastSiam."""

    hidden_dim: int = bounded(2048, 1, 2**16)  # SimSiam, section 3
    output_dim: int = bounded(2048, 1, 2**16)  # SimSiam, section 3
    prediction_hidden_dim: int = bounded(512, 1, 2**16)  # the bottleneck, a quarter of the output


class SimSiam(Method):
    """Siamese networks with predictor and stop-gradient; published with `positives.symmetric=true` and two views.

    Source: SimSiam, arXiv:2011.10566, eq. 1 and 2.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method.
    """

    def __init__(self, encoder: Encoder, positives: Positives, config: SimSiamConfig) -> None:
        from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead

        super().__init__(encoder, positives)
        self.projector = SimSiamProjectionHead(encoder.dim, config.hidden_dim, config.output_dim)
        self.predictor = SimSiamPredictionHead(config.output_dim, config.prediction_hidden_dim, config.output_dim)

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        vectors, first_views = embed(self.encoder, views.crops)
        projections = apply_per_view(self.projector, vectors)  # (B, V, D)
        self.record_projections(projections)
        queries, keys = self.positives.roles(projections)
        predictions = l2_normalize(apply_per_view(self.predictor, queries))
        terms = self.positives.terms(predictions, self.targets(keys.detach()))
        loss = alignment_loss(terms)
        return MethodOutput(loss, {"loss": loss.detach(), "alignment": measure_alignment(terms)}, first_views)

    def targets(self, keys: Tensor) -> Tensor:
        """Returns the targets to aggregate, (B, K, D) -> (B, K, D)."""
        return l2_normalize(keys)
