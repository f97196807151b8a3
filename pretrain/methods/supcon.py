"""SupCon: a control that derives positives from the true parameters of the degradations."""

from __future__ import annotations

from dataclasses import dataclass

from pretrain.losses import parameter_info_nce
from pretrain.methods.base import Method, MethodOutput, apply_per_view, embed, l2_normalize
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import Encoder
from shared.training.monitors import alignment


@dataclass
class SupConConfig:
    """Options of SupCon."""

    hidden_dim: int = bounded(2048, 1, 2**16)  # SupCon, section 3.1
    output_dim: int = bounded(128, 1, 2**16)  # SupCon, section 3.1
    temperature: float = bounded(0.1, above=0, high=1000)  # SupCon, section 4
    bandwidth: float = bounded(0.1, above=0, high=1e6)  # of `ViewBatch.parameters`, which have about unit range
    batch_norm: bool = False  # in the head, as published


class SupCon(Method):
    """Supervised contrast with soft classes, given by the similarity of the parameters of two rows.

    A control: it shows what contrast can learn from labels that say which degradations are similar. All views of a row
    are anchors and positives of each other; the policy of positives only gives the number of large views.
    Source: SupCon, arXiv:2004.11362; see `parameter_info_nce` for the deviations.

    Args:
        encoder: Online encoder.
        positives: Policy that gives the number of large views per row.
        config: Options of the method.

    Raises:
        ValueError: The bandwidth is not positive.
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
        """Computes the loss of a batch."""
        vectors, first_views = embed(self.encoder, views.crops)
        projections = apply_per_view(self.projector, vectors)  # (B, V, D)
        self.record_projections(projections)
        loss = parameter_info_nce(
            l2_normalize(projections), views.parameters, self.config.temperature, self.config.bandwidth
        )
        return MethodOutput(
            loss, {"loss": loss.detach(), "alignment": alignment(projections[:, :1], projections[:, 1:])}, first_views
        )
