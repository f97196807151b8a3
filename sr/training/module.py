"""The one LightningModule of stage two: any network, fusion and conditioning."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pretrain.methods import Method
from pretrain.views import ViewBatch
from shared.data.sampling import Plan, Planner
from shared.degradations import degrade
from shared.degradations.summary import targets
from shared.encoders import Representation
from shared.training.planned_module import PlannedTraining
from sr.conditioning.sources import EncoderSource
from sr.model import SRModel
from sr.training.augmentation import augmented
from sr.training.config import SRConfig
from sr.training.losses import image_loss


class StemAndTower(nn.Module):
    """What a contrastive method sees of a model whose encoder shares the network's stem: a copy-able encoder."""

    def __init__(self, model: SRModel) -> None:
        super().__init__()
        assert model.source is not None
        self.stem, self.tower = model.network.stem, model.source
        self.register_buffer("mean", model.network.mean, persistent=False)
        self.image_range = model.network.image_range
        self.dim = model.source.shape.dim

    mean: Tensor

    def forward(self, images: Tensor) -> Representation:
        """(B, 3, H, W) in [0, 1] -> representation."""
        return self.tower(self.stem((images - self.mean) * self.image_range))


def contrasted_encoder(model: SRModel) -> nn.Module:
    """The encoder that a contrastive method trains inside a model."""
    return model.source.encoder if isinstance(model.source, EncoderSource) else StemAndTower(model)


@contextmanager
def listening_to(encoder: nn.Module) -> Iterator[list[tuple[Tensor, Representation]]]:
    """What the encoder is given and gives while the context lasts."""
    heard: list[tuple[Tensor, Representation]] = []
    handle = encoder.register_forward_hook(lambda _, inputs, output: heard.append((inputs[0], output)))
    try:
        yield heard
    finally:
        handle.remove()


def of_first_views(heard: list[tuple[Tensor, Representation]], lr_image: Tensor) -> Representation | None:
    """The representation of each row's first view, which a contrastive method has embedded with the other queries.

    Args:
        heard: see `listening_to`; batches of Q views a row, row after row.
        lr_image: (B, 3, p, p), the first views.

    Returns:
        Of the B first views, with its gradients; None where the method embeds no whole views of this size.
    """
    for images, found in heard:
        if images.shape[-2:] == lr_image.shape[-2:]:
            views = len(images) // len(lr_image)
            return Representation(found.vector[::views], tuple(map_[::views] for map_ in found.maps))
    return None


class Trained(nn.Module):
    """A model, and the contrastive method on its encoder where there is one."""

    def __init__(self, model: SRModel, method: Method | None) -> None:
        super().__init__()
        self.model = model
        self.method = method


class SRTraining(PlannedTraining):
    """Trains an SR model on patches.

    Args:
        trained: model and method.
        planner: draws the batches.
        config: of the run.

    Attributes:
        last_images: LR, SR and HR patches of the last micro-batch, detached.
    """

    trained: Trained

    def __init__(self, trained: Trained, planner: Planner, config: SRConfig) -> None:
        super().__init__(trained, planner, config)
        self.config = config
        self.last_images: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def averaged(self) -> SRModel:
        """The model."""
        return self.trained.model

    @property
    def result(self) -> SRModel:
        """The model that becomes the artefact."""
        model = super().result
        assert isinstance(model, SRModel)
        return model

    def own_rate(self) -> tuple[nn.Module, float] | None:
        """The encoder's learning rate, where it has one of its own."""
        source = self.trained.model.source
        return (source, self.config.encoder_lr) if source is not None and self.config.encoder_lr else None

    def loss(self, plan: Plan) -> tuple[Tensor, dict[str, Tensor]]:
        """Crop, augment, degrade; super-resolve the first view of each row, and contrast all of them."""
        views, hr_image = self._views(plan)
        model, method = self.trained.model, self.trained.method
        parameters = None
        if model.needs_parameters or (method is not None and method.needs_parameters):
            parameters = targets(plan.degradation).to(self.device, non_blocking=True)
        lr_image = views[0][:, 0]
        if method is None:
            sr_image = model(lr_image, parameters=parameters)
            loss = image_loss(sr_image, hr_image, self.config.loss)
            self.last_images = (lr_image.detach(), sr_image.detach(), hr_image)
            return loss, {"loss": loss.detach()}
        method.key_momentum = self.config.key_momentum
        known = parameters if parameters is not None else torch.empty(len(lr_image), 0, device=self.device)
        with listening_to(method.encoder) as heard:
            contrast, logs = method(ViewBatch(views, known))
        sr_image = model(lr_image, parameters=parameters, representation=of_first_views(heard, lr_image))
        loss = image_loss(sr_image, hr_image, self.config.loss)
        self.last_images = (lr_image.detach(), sr_image.detach(), hr_image)
        total = loss + self.config.loss.contrastive * contrast
        of_method = {name: value for name, value in logs.items() if name != "loss"}
        return total, {
            "loss": total.detach(),
            "image_loss": loss.detach(),
            "contrastive_loss": logs["loss"],
            **of_method,
        }

    def _views(self, plan: Plan) -> tuple[tuple[Tensor, ...], Tensor]:
        """LR views per crop size (B, V_s, 3, p_s, p_s), and the HR patches (B, 3, P, P) of the first views."""
        planner, rows, first_view = self.planner, len(plan.degradation), 0
        views: list[Tensor] = []
        hr_image = torch.empty(0)
        for pixels in self.fetch(plan):
            crops = pixels.to(self.device, non_blocking=True).to(torch.float32).div_(255)
            crops = augmented(
                crops.view(rows, -1, *crops.shape[1:]), self.config.augmentation, seed=planner.seed, step=plan.step,
                first_row=planner.rank * rows, rows=planner.batch_size,
            )  # fmt: skip
            if not views:
                cut, side = planner.margin, crops.shape[-1]
                hr_image = crops[:, 0, :, cut : side - cut, cut : side - cut].contiguous()
            views.append(degrade(crops, plan.degradation, margin=planner.margin, first_view=first_view))
            first_view += crops.shape[1]
        return tuple(views), hr_image

    def after_optimizer_step(self) -> None:
        """Move the target network, then the average."""
        if self.trained.method is not None:
            self.trained.method.after_step()
        super().after_optimizer_step()
