"""VICReg: equal projections of positives, unit variance and zero covariance over the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist

from pretrain.losses import measure_alignment
from pretrain.methods.base import Method, MethodOutput, apply_per_view, embed
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import Encoder


@dataclass
class VICRegConfig:
    """Options of VICReg."""

    hidden_dim: int = bounded(2048, 1, 2**16)  # published with 8192; a ResNet50 has 2048
    output_dim: int = bounded(2048, 1, 2**16)  # as above
    invariance: float = bounded(25.0, 0, 1e6)  # lambda, VICReg, section 4.2
    variance: float = bounded(25.0, 0, 1e6)  # mu
    covariance: float = bounded(1.0, 0, 1e6)  # nu


class VICReg(Method):
    """Variance, invariance and covariance of projections; published with two views per row.

    The projections are not normalised. Variance and covariance are taken over the global batch for each term, and
    averaged over the terms.
    Source: VICReg, arXiv:2105.04906, eq. 1 to 6.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method.

    Raises:
        ValueError: The policy re-normalises means, which contradicts the variance term.
    """

    compares_rows = True

    def __init__(self, encoder: Encoder, positives: Positives, config: VICRegConfig) -> None:
        from lightly.loss import VICRegLoss
        from lightly.models.modules.heads import VICRegProjectionHead

        aggregate = positives.config.aggregate
        if aggregate in ("center", "combination"):
            raise ValueError(
                f"vicreg compares projections of any length, but positives.aggregate={aggregate} re-normalises them: "
                "use logit_mean, pair or all_pairs"
            )
        super().__init__(encoder, positives)
        self.projector = VICRegProjectionHead(encoder.dim, config.hidden_dim, config.output_dim)
        self.criterion = VICRegLoss(
            config.invariance, config.variance, config.covariance, gather_distributed=dist.is_available()
        )

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        vectors, first_views = embed(self.encoder, views.crops)
        projections = apply_per_view(self.projector, vectors)  # (B, V, D)
        self.record_projections(projections)
        terms = self.positives.terms(*self.positives.roles(projections.float()))
        with torch.autocast(projections.device.type, enabled=False):
            loss = self.criterion(terms.queries, terms.keys)
        return MethodOutput(loss, {"loss": loss.detach(), "alignment": measure_alignment(terms)}, first_views)
