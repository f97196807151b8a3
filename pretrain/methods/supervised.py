"""Supervised regression of the known parameters: the control that marks the ceiling."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.functional import mse_loss

from pretrain.methods.base import Method, MethodOutput, embed, per_view
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.degradations import SUMMARY_RANGES
from shared.encoders import Encoder
from shared.training.monitors import alignment


@dataclass
class SupervisedConfig:
    """The supervised control has no options."""


class Supervised(Method):
    """Regresses the parameters of the degradation from the pooled vector of every view by one linear layer.

    Before it the vectors are standardised over the batch and divided by the root of their number of dimensions:
    pooled vectors are non-negative and far from zero, and without the division AdamW's equal steps on 2048 weights
    move a prediction by more than a parameter varies. The loss is the mean squared error. `ViewBatch.parameters`
    come in about unit range, so they are taken as they are: all weigh the same and nothing has to be estimated on the
    way. The policy of positives only says how many large views there are. `last_projection` holds the pooled
    vectors, there being no projector.

    Args:
        encoder: The online encoder.
        positives: How many views a row has.
        config: No options.
    """

    needs_parameters = True

    def __init__(self, encoder: Encoder, positives: Positives, config: SupervisedConfig) -> None:
        super().__init__(encoder, positives)
        self.config = config
        self.standardise = nn.BatchNorm1d(encoder.dim, affine=False)
        self.regressor = nn.Linear(encoder.dim, len(SUMMARY_RANGES))

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss."""
        vectors, first_views = embed(self.encoder, views.crops)  # (B, V, dim)
        self.record_projections(vectors)
        standardised = per_view(self.standardise, vectors) * vectors.shape[-1] ** -0.5
        predicted = self.regressor(standardised).float()  # (B, V, F)
        loss = mse_loss(predicted, views.parameters.float()[:, None].expand_as(predicted))
        return MethodOutput(
            loss, {"loss": loss.detach(), "alignment": alignment(vectors[:, :1], vectors[:, 1:])}, first_views
        )
