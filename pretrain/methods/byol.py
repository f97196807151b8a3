"""BYOL: predict the momentum target's projection, without negatives."""

from __future__ import annotations

from dataclasses import dataclass

from pretrain.losses import alignment_loss, alignment_of
from pretrain.methods.base import MethodOutput, MomentumMethod, embed, per_view, unit
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.encoders import Encoder


@dataclass
class BYOLConfig:
    """Options of BYOL; published with a key momentum from 0.99 to 1 on a cosine, as the recipe sets it."""

    hidden_dim: int = 4096  # BYOL, section 3.3
    output_dim: int = 256  # BYOL, section 3.3


class BYOL(MomentumMethod):
    """Bootstrap your own latent; published with `positives.symmetric=true` and two views.

    Source: BYOL, arXiv:2006.07733, eq. 2. Deviation: -cos as in lightly, in place of 2 - 2 cos; the paper's
    symmetric loss is the sum over both directions, here it is the mean over terms.

    Args:
        encoder: The online encoder.
        positives: Which views are positives and how they are aggregated.
        config: The options.
    """

    def __init__(self, encoder: Encoder, positives: Positives, config: BYOLConfig) -> None:
        from lightly.models.modules.heads import BYOLPredictionHead, BYOLProjectionHead

        projector = BYOLProjectionHead(encoder.dim, config.hidden_dim, config.output_dim)
        super().__init__(encoder, positives, projector)
        self.predictor = BYOLPredictionHead(config.output_dim, config.hidden_dim, config.output_dim)

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss."""
        query_crops, key_crops = self.positives.split(views.crops)
        vectors, first_views = embed(self.encoder, query_crops)
        projections = per_view(self.projector, vectors)  # (B, Q, D)
        self.record_projections(projections)
        predictions = unit(per_view(self.predictor, projections))
        terms = self.positives.terms(predictions, self.target_keys(key_crops))
        loss = alignment_loss(terms)
        return MethodOutput(loss, {"loss": loss.detach(), "alignment": alignment_of(terms)}, first_views)
