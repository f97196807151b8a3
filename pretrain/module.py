"""The one LightningModule of stage one: any method on any views."""

import torch
from torch import Tensor

from pretrain.config import PretrainConfig
from pretrain.methods.base import NEGATIVE_ROWS, Method
from pretrain.views import ViewBatch, degraded_crops
from shared.data import Plan, Planner
from shared.degradations import summarise_as_vector
from shared.encoders import Encoder
from shared.training.optimizers import cosine
from shared.training.planned_module import PlannedTraining


class Pretraining(PlannedTraining):
    """Trains a method's encoder.

    Args:
        method: encoder, heads, target network, queue.
        planner: draws the batches.
        config: of the run.

    Attributes:
        last_views: of the last micro-batch, for panels and monitors.
    """

    trained: Method

    def __init__(self, method: Method, planner: Planner, config: PretrainConfig) -> None:
        super().__init__(method, planner, config)
        self.config = config
        self.last_views: ViewBatch | None = None

    @property
    def ema_source(self) -> Encoder:
        """The online encoder."""
        return self.trained.encoder

    @property
    def export_module(self) -> Encoder:
        """The encoder that becomes the artefact."""
        encoder = super().export_module
        assert isinstance(encoder, Encoder)
        return encoder

    def loss(self, plan: Plan) -> tuple[Tensor, dict[str, Tensor]]:
        """Crop, degrade, and hand the views to the method."""
        crops = degraded_crops(self.fetch(plan), plan.degradation, self.planner.margin, self.device)
        if self.trained.needs_parameters:
            known = summarise_as_vector(plan.degradation)
        else:
            known = torch.empty(len(plan.degradation), 0)
        self.last_views = ViewBatch(crops, known.to(self.device, non_blocking=True))
        self.trained.key_momentum = self.key_momentum()
        loss, logs, _ = self.trained(self.last_views)
        if self.config.views.near > 1:  # the rows of a group are not drawn independently
            logs.pop(NEGATIVE_ROWS, None)
        return loss, logs

    def key_momentum(self) -> float:
        """Key momentum at the current optimiser step."""
        start, end = self.config.key_momentum, self.config.key_momentum_end
        return start if end < 0 else cosine(start, end, self.global_step / max(1, self.config.steps - 1))

    def after_optimizer_step(self) -> None:
        """Move the target network, then the average."""
        self.trained.after_step()
        super().after_optimizer_step()
