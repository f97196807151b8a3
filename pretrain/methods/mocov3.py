"""MoCo v3: a predictor on the online network, a momentum target, in-batch negatives."""

from __future__ import annotations

from dataclasses import dataclass

from pretrain.losses import batch_info_nce, count_other_rows, measure_alignment
from pretrain.methods.base import NEGATIVE_ROWS, MethodOutput, MomentumMethod
from pretrain.methods.heads import centred_head
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import Encoder


@dataclass
class MoCoV3Config:
    """Options of MoCo v3; published with a key momentum from 0.99 to 1 along a cosine."""

    hidden_dim: int = bounded(4096, 1, 2**16)  # the authors' code, ResNet50
    output_dim: int = bounded(256, 1, 2**16)  # the authors' code
    temperature: float = bounded(1.0, above=0, high=1000)  # the authors' code, ResNet50; 0.2 for vision transformers


class MoCoV3(MomentumMethod):
    """MoCo without a queue; published with `positives.symmetric=true` and two views.

    Negatives are the keys of other rows in the same slot, gathered over ranks.
    Source: MoCo v3, arXiv:2104.02057, algorithm 1. Deviation: the loss is the mean over both directions, and is not
    multiplied by twice the temperature.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method.
    """

    compares_rows = True

    def __init__(self, encoder: Encoder, positives: Positives, config: MoCoV3Config) -> None:
        from lightly.models.modules.heads import BYOLPredictionHead

        super().__init__(encoder, positives, centred_head(encoder.dim, config.hidden_dim, config.output_dim))
        self.predictor = BYOLPredictionHead(config.output_dim, config.hidden_dim, config.output_dim)
        self.config = config

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        terms, first_views = self.predict_keys(views, self.predictor)
        loss = batch_info_nce(terms, self.config.temperature, same_slot=True)
        logs = {"loss": loss.detach(), "alignment": measure_alignment(terms)}
        if self.positives.compares_single_views:
            logs[NEGATIVE_ROWS] = count_other_rows(terms)
        return MethodOutput(loss, logs, first_views)
