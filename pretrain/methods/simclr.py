"""SimCLR: contrasts each row with the other rows of the batch."""

from __future__ import annotations

from dataclasses import dataclass

from pretrain.losses import batch_info_nce, count_other_rows, measure_alignment
from pretrain.methods.base import NEGATIVE_ROWS, Method, MethodOutput, apply_per_view, embed, l2_normalize
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import Encoder


@dataclass
class SimCLRConfig:
    """Options of SimCLR."""

    hidden_dim: int = bounded(2048, 1, 2**16)  # SimCLR v1 on a ResNet50
    output_dim: int = bounded(128, 1, 2**16)  # SimCLR v1
    temperature: float = bounded(0.1, above=0, high=1000)  # SimCLR v1, table 5
    batch_norm: bool = True  # in the head, as in the authors' code


class SimCLR(Method):
    """Contrast with in-batch negatives; published with `positives.symmetric=true` and two views (NT-Xent).

    Without `symmetric`, queries are compared only with keys; both come from one encoder and have gradients. Negatives
    are gathered over ranks.
    Source: SimCLR, arXiv:2002.05709, eq. 1.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method.
    """

    compares_rows = True

    def __init__(self, encoder: Encoder, positives: Positives, config: SimCLRConfig) -> None:
        from lightly.models.modules.heads import SimCLRProjectionHead

        super().__init__(encoder, positives)
        self.config = config
        self.projector = SimCLRProjectionHead(
            encoder.dim, config.hidden_dim, config.output_dim, batch_norm=config.batch_norm
        )

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        vectors, first_views = embed(self.encoder, views.crops)
        projections = apply_per_view(self.projector, vectors)  # (B, V, D)
        self.record_projections(projections)
        terms = self.positives.terms(*self.positives.roles(l2_normalize(projections)))
        loss = batch_info_nce(terms, self.config.temperature)
        logs = {"loss": loss.detach(), "alignment": measure_alignment(terms)}
        if self.positives.compares_single_views:
            logs[NEGATIVE_ROWS] = count_other_rows(terms)
        return MethodOutput(loss, logs, first_views)
