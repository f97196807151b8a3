"""LightningModule of stage one, for any method and any views."""

import torch
from torch import Tensor

from pretrain.config import PretrainConfig
from pretrain.methods.base import NEGATIVE_ROWS, Method
from pretrain.views import ViewBatch, convert_crops, degrade_crops
from shared.data.sampling import Plan, Planner
from shared.degradations.summary import summarise_as_vector
from shared.encoders import Encoder
from shared.training.optimizers import cosine
from shared.training.planned_module import PlannedTraining


class Pretraining(PlannedTraining):
    """Training of an encoder by a method.

    Args:
        method: Method with its encoder, heads, target network and queue.
        planner: Planner that draws the batches.
        config: Options of the training run.

    Attributes:
        last_views: Views of the last micro-batch, for panels.
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
        """The encoder that is exported as the artefact."""
        encoder = super().export_module
        assert isinstance(encoder, Encoder)
        return encoder

    def loss(self, plan: Plan) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops and degrades the images of a plan and computes the method's loss and logs."""
        degradation = plan.degradation
        sharp = convert_crops(self.fetch(plan), len(degradation), self.device)
        crops = degrade_crops(sharp, degradation, self.planner.margin)
        needs_parameters = self.trained.needs_parameters
        known = summarise_as_vector(degradation) if needs_parameters else torch.empty(len(degradation), 0)
        known = known.to(self.device, non_blocking=True)
        self.last_views = ViewBatch(crops, known, sharp if self.trained.needs_sharp else (), self.planner.space.scale)
        self.trained.key_momentum = self.key_momentum()
        loss, logs, _ = self.trained(self.last_views)
        if self.config.views.near > 1:  # the rows of a group are not drawn independently
            logs.pop(NEGATIVE_ROWS, None)
        return loss, logs

    def key_momentum(self) -> float:
        """Computes the key momentum at the current optimiser step, in [0, 1]."""
        start, end = self.config.key_momenta
        return start if start == end else cosine(start, end, self.global_step / max(1, self.config.steps - 1))

    def after_optimizer_step(self) -> None:
        """Updates the target network, then the moving average."""
        self.trained.after_step()
        super().after_optimizer_step()
