"""Supervised regression of the true parameters: the control that gives the ceiling."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.functional import mse_loss

from pretrain.methods.base import Method, MethodOutput, apply_per_view, embed
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.degradations import SUMMARY_RANGES
from shared.encoders import Encoder
from shared.training.monitors import alignment


@dataclass
class SupervisedConfig:
    """Options of the supervised control; it has none."""


class Supervised(Method):
    """Linear regression of the parameters of the degradation from the pooled vector of each view.

    The vectors are first standardised over the batch and divided by the square root of their dimension: pooled vectors
    are non-negative and far from zero, and without the division AdamW's equal steps on 2048 weights change a prediction
    by more than a parameter varies. The loss is the mean squared error; `ViewBatch.parameters` have about unit range,
    so that all weigh the same. The policy of positives only gives the number of large views. There is no projector:
    `last_projection` holds the pooled vectors.

    Args:
        encoder: Online encoder.
        positives: Policy that gives the number of large views per row.
        config: Options of the method; there are none.
    """

    needs_parameters = True

    def __init__(self, encoder: Encoder, positives: Positives, config: SupervisedConfig) -> None:
        super().__init__(encoder, positives)
        self.config = config
        self.standardise = nn.BatchNorm1d(encoder.dim, affine=False)
        self.regressor = nn.Linear(encoder.dim, len(SUMMARY_RANGES))

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        vectors, first_views = embed(self.encoder, views.crops)  # (B, V, dim)
        self.record_projections(vectors)
        standardised = apply_per_view(self.standardise, vectors) * vectors.shape[-1] ** -0.5
        predicted = self.regressor(standardised).float()  # (B, V, F)
        loss = mse_loss(predicted, views.parameters.float()[:, None].expand_as(predicted))
        return MethodOutput(
            loss, {"loss": loss.detach(), "alignment": alignment(vectors[:, :1], vectors[:, 1:])}, first_views
        )
