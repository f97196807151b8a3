"""The LightningModule of stage two, for any network, fusion and conditioning."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pretrain.methods import Method
from pretrain.methods.base import MomentumMethod
from pretrain.views import ViewBatch, convert_crops, degrade_crops
from shared.data import Plan, Planner
from shared.degradations import summarise_as_vector
from shared.encoders import Representation
from shared.training.planned_module import PlannedTraining
from sr.conditioning.contrast_options import Distilled
from sr.conditioning.parametric_sources import distillation_loss, represent_parameters
from sr.model import SRModel
from sr.training.augmentation import augment
from sr.training.config import SRConfig
from sr.training.losses import image_loss


class JointModel(nn.Module):
    """A model together with the contrastive method that trains its encoder, if there is one."""

    def __init__(self, model: SRModel, method: Method | None) -> None:
        super().__init__()
        self.model = model
        self.method = method

    def train(self, mode: bool = True) -> "JointModel":
        """Sets the mode, of the encoders that the method uses as the model's source does."""
        super().train(mode)
        self.model.train(mode)  # after the method, which has the same encoder
        if isinstance(self.method, MomentumMethod):
            for online, target in zip(self.method.encoder.modules(), self.method.target_encoder.modules(), strict=True):
                target.training = online.training
        return self


class SRTraining(PlannedTraining):
    """Trains an SR model on patches.

    Args:
        trained: The model and the contrastive method.
        planner: The planner that draws the batches.
        config: Options of the run.

    Attributes:
        last_images: LR, SR and HR patches of the last micro-batch, detached; None before the first one.
    """

    trained: JointModel

    def __init__(self, trained: JointModel, planner: Planner, config: SRConfig) -> None:
        super().__init__(trained, planner, config)
        self.config = config
        self.last_images: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def ema_source(self) -> SRModel:
        """The model, whose weights a moving average follows."""
        return self.trained.model

    @property
    def export_module(self) -> SRModel:
        """The model that becomes the artefact."""
        model = super().export_module
        assert isinstance(model, SRModel)
        return model

    def lr_override(self) -> tuple[nn.Module, float] | None:
        """Returns the encoder and its learning rate, if it has one of its own."""
        source, lr = self.trained.model.source, getattr(self.config.conditioning, "lr", 0.0)
        encoder = None if source is None else source.trained_encoder()
        return (encoder, lr) if encoder is not None and lr else None

    def loss(self, plan: Plan) -> tuple[Tensor, dict[str, Tensor]]:
        """Super-resolves the first view of each row; the contrastive method, if there is one, receives all views.

        With conditioning=distilled, the encoder learns from the true parameters, which steer the network at first.
        """
        views, sharp = self._prepare_views(plan)
        margin, side = self.planner.margin, sharp[0].shape[-1]
        hr_image = sharp[0][:, 0, :, margin : side - margin, margin : side - margin].contiguous()
        lr_image = views[0][:, 0]
        parameters = self._compute_parameters(plan)
        model, method = self.trained.model, self.trained.method
        logs: dict[str, Tensor] = {}
        losses: list[Tensor] = []
        first: Representation | None = None
        if method is not None:
            method.key_momentum = self.config.pace.key_momentum
            known = parameters if parameters is not None else torch.empty(len(lr_image), 0, device=self.device)
            compared = (views[0][:, : self.config.contrasted_views], *views[1:])
            sources = (sharp[0][:, : self.config.contrasted_views], *sharp[1:]) if method.needs_sharp else ()
            contrast, method_logs, first = method(ViewBatch(compared, known, sources, self.config.scale))
            first = model.source.complete(first) if model.source is not None and first is not None else None
            losses.append(self.config.conditioning.contrastive * contrast)
            logs = {f"contrastive_{name}" if name == "loss" else name: value for name, value in method_logs.items()}
        patches = views[0][:, : self.config.conditioning.patches]
        representation = model.represent_views(patches, parameters, first=first)
        options = self.config.conditioning
        if isinstance(options, Distilled):
            assert representation is not None
            assert parameters is not None
            assert model.network.adapter is not None
            distillation = distillation_loss(model.network.adapter, representation, parameters)
            losses.append(options.distillation * distillation)
            logs["distillation_loss"] = distillation.detach()
            if plan.step < options.taught * self.config.steps * self.config.accumulation:
                representation = represent_parameters(parameters)
        sr_image = model(lr_image, parameters=parameters, representation=representation)
        pixels = image_loss(sr_image, hr_image, self.config.loss)
        loss = sum(losses, start=pixels)
        logs |= {"loss": loss.detach()} | ({"image_loss": pixels.detach()} if losses else {})
        self.last_images = (lr_image.detach(), sr_image.detach(), hr_image)
        return loss, logs

    def images(self, rows: int) -> Iterator[Tensor]:
        """Yields batches of LR patches that no step trains on, see `sr.conditioning.sources.TrainingSamples`."""
        for plan in self._spare_plans(rows):
            yield self._prepare_views(plan)[0][0][:, 0]

    def parameters_of_degradations(self, rows: int) -> Tensor:
        """Returns parameters of degradations that no step trains on, see `images`."""
        return torch.cat([summarise_as_vector(plan.degradation) for plan in self._spare_plans(rows)])

    def _spare_plans(self, rows: int) -> Iterator[Plan]:
        first = self.config.steps * self.config.accumulation
        for index in range(-(-rows // self.planner.batch_size)):
            yield self.planner.plan(first + index)

    def _compute_parameters(self, plan: Plan) -> Tensor | None:
        """Computes the true parameters (B, 6) if the model or the method needs them."""
        model, method = self.trained.model, self.trained.method
        is_known = isinstance(self.config.conditioning, Distilled)
        if not (is_known or model.needs_parameters or (method is not None and method.needs_parameters)):
            return None
        return summarise_as_vector(plan.degradation).to(self.device, non_blocking=True)

    def _prepare_views(self, plan: Plan) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Crops, augments and degrades.

        Returns:
            LR views per crop size, (B, V_s, 3, p_s, p_s), and their HR crops with a margin, (B, V_s, 3, S_s, S_s).
        """
        planner, rows = self.planner, len(plan.degradation)
        sharp = tuple(
            augment(
                crops,
                self.config.augmentation,
                seed=planner.seed,
                step=plan.step,
                first_row=planner.rank * rows,
                rows=planner.batch_size,
            )
            for crops in convert_crops(self.fetch(plan), rows, self.device)
        )
        return degrade_crops(sharp, plan.degradation, planner.margin), sharp

    def after_optimizer_step(self) -> None:
        """Updates the target network, then the moving average."""
        if self.trained.method is not None:
            self.trained.method.after_step()
        super().after_optimizer_step()
