"""SimCLR: the other rows of the batch are the negatives."""

from __future__ import annotations

from dataclasses import dataclass

from pretrain.losses import alignment_of, batch_info_nce, other_rows
from pretrain.methods.base import NEGATIVE_ROWS, Method, MethodOutput, embed, per_view, unit
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.encoders import Encoder


@dataclass
class SimCLRConfig:
    """Options of SimCLR."""

    hidden_dim: int = 2048  # SimCLR v1 on a ResNet50
    output_dim: int = 128  # SimCLR v1
    temperature: float = 0.1  # SimCLR v1, table 5
    batch_norm: bool = True  # in the head, as in the authors' code


class SimCLR(Method):
    """In-batch contrast; published with `positives.symmetric=true` and two views (NT-Xent).

    Without `symmetric` queries are compared with keys only, both from one encoder and both with gradients.
    Negatives are gathered over ranks.
    Source: SimCLR, arXiv:2002.05709, eq. 1.

    Args:
        encoder: The online encoder.
        positives: Which views are positives and how they are aggregated.
        config: The options.
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
        """Computes the loss."""
        vectors, first_views = embed(self.encoder, views.crops)
        projections = per_view(self.projector, vectors)  # (B, V, D)
        self.record_projections(projections)
        terms = self.positives.terms(*self.positives.roles(unit(projections)))
        loss = batch_info_nce(terms, self.config.temperature)
        logs = {"loss": loss.detach(), "alignment": alignment_of(terms)}
        return MethodOutput(
            loss,
            logs | ({NEGATIVE_ROWS: other_rows(terms)} if self.positives.compares_single_views else {}),
            first_views,
        )
