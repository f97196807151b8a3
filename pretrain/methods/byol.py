"""BYOL: predicts the projection of a momentum target, without negatives."""

from __future__ import annotations

from dataclasses import dataclass

from pretrain.losses import alignment_loss, measure_alignment
from pretrain.methods.base import MethodOutput, MomentumMethod
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import Encoder


@dataclass
class BYOLConfig:
    """Options of BYOL; published with a key momentum from 0.99 to 1 along a cosine, as in its recipe."""

    hidden_dim: int = bounded(4096, 1, 2**16)  # BYOL, section 3.3
    output_dim: int = bounded(256, 1, 2**16)  # BYOL, section 3.3


class BYOL(MomentumMethod):
    """Bootstrap your own latent; published with `positives.symmetric=true` and two views.

    Source: BYOL, arXiv:2006.07733, eq. 2. Deviation: -cos as in lightly, instead of 2 - 2 cos; the symmetric
    loss is the mean over the terms, in the paper the sum over both directions.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method.
    """

    def __init__(self, encoder: Encoder, positives: Positives, config: BYOLConfig) -> None:
        from lightly.models.modules.heads import BYOLPredictionHead, BYOLProjectionHead

        projector = BYOLProjectionHead(encoder.dim, config.hidden_dim, config.output_dim)
        super().__init__(encoder, positives, projector)
        self.predictor = BYOLPredictionHead(config.output_dim, config.hidden_dim, config.output_dim)

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        terms, first_views = self.predict_keys(views, self.predictor)
        loss = alignment_loss(terms)
        return MethodOutput(loss, {"loss": loss.detach(), "alignment": measure_alignment(terms)}, first_views)
