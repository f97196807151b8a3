"""VICReg: equal projections of positives, unit variance and no covariance over the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist

from pretrain.losses import alignment_of
from pretrain.methods.base import Method, MethodOutput, embed, per_view
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.encoders import Encoder


@dataclass
class VICRegConfig:
    """Options of VICReg."""

    hidden_dim: int = 2048  # published with 8192; a ResNet50's width is enough for a dozen parameters
    output_dim: int = 2048  # as above
    invariance: float = 25.0  # lambda, VICReg, section 4.2
    variance: float = 25.0  # mu
    covariance: float = 1.0  # nu


class VICReg(Method):
    """Variance, invariance and covariance of projections; published with two views of each row.

    The terms compare projections that are not normalised. Variance and covariance are those of the global
    batch, for each term, ema_source over terms.
    Source: VICReg, arXiv:2105.04906, eq. 1 to 6.

    Args:
        encoder: The online encoder.
        positives: Which views are positives and how they are aggregated.
        config: The options.

    Raises:
        ValueError: If the policy re-normalises means, which the variance term contradicts.
    """

    compares_rows = True

    def __init__(self, encoder: Encoder, positives: Positives, config: VICRegConfig) -> None:
        from lightly.loss import VICRegLoss
        from lightly.models.modules.heads import VICRegProjectionHead

        aggregate = positives.config.aggregate
        if aggregate in ("center", "combination"):
            raise ValueError(
                f"vicreg compares projections of free length, positives.aggregate={aggregate} re-normalises: "
                "use logit_mean, pair or all_pairs"
            )
        super().__init__(encoder, positives)
        self.projector = VICRegProjectionHead(encoder.dim, config.hidden_dim, config.output_dim)
        self.criterion = VICRegLoss(
            config.invariance, config.variance, config.covariance, gather_distributed=dist.is_available()
        )

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss."""
        vectors, first_views = embed(self.encoder, views.crops)
        projections = per_view(self.projector, vectors)  # (B, V, D)
        self.record_projections(projections)
        terms = self.positives.terms(*self.positives.roles(projections.float()))
        with torch.autocast(projections.device.type, enabled=False):
            loss = self.criterion(terms.queries, terms.keys)
        return MethodOutput(loss, {"loss": loss.detach(), "alignment": alignment_of(terms)}, first_views)
