"""SupCon: a control that takes its positives from the known parameters of the degradations."""

from __future__ import annotations

from dataclasses import dataclass

from pretrain.losses import parameter_info_nce
from pretrain.methods.base import Method, MethodOutput, embed, per_view, unit
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.encoders import Encoder
from shared.training.monitors import alignment


@dataclass
class SupConConfig:
    """Options of SupCon."""

    hidden_dim: int = 2048  # SupCon, section 3.1
    output_dim: int = 128  # SupCon, section 3.1
    temperature: float = 0.1  # SupCon, section 4
    bandwidth: float = 0.1  # of `ViewBatch.parameters`, in about unit range
    batch_norm: bool = False  # in the head, as published


class SupCon(Method):
    """Supervised contrast, soft classes: positives have equal or near parameters, near negatives count less.

    A control: it shows what contrast can learn when it is told which degradations are alike. All views of a
    row are anchors and positives of each other; the policy of positives only says how many large views
    there are.
    Source: SupCon, arXiv:2004.11362; see `parameter_info_nce` for the deviations.

    Args:
        encoder: The online encoder.
        positives: How many views a row has.
        config: The options.

    Raises:
        ValueError: If the bandwidth is not positive.
    """

    needs_parameters = True
    compares_rows = True

    def __init__(self, encoder: Encoder, positives: Positives, config: SupConConfig) -> None:
        from lightly.models.modules.heads import SimCLRProjectionHead

        if config.bandwidth <= 0:
            raise ValueError(f"method.bandwidth={config.bandwidth} must be positive, for instance 0.1")
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
        loss = parameter_info_nce(unit(projections), views.parameters, self.config.temperature, self.config.bandwidth)
        return MethodOutput(
            loss, {"loss": loss.detach(), "alignment": alignment(projections[:, :1], projections[:, 1:])}, first_views
        )
