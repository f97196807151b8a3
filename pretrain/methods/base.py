"""What every self-supervised method shares: the forward passes over views, and the momentum target."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.encoders import Encoder, Representation

NEGATIVE_ROWS = "negative_rows"  # in the log: of how many other rows, each drawn by itself, a query meets the keys


class MethodOutput(NamedTuple):
    """What a method makes of a batch.

    Attributes:
        loss: A scalar.
        logs: Detached scalars to log; `NEGATIVE_ROWS` among them where the loss is the InfoNCE of one view with one
            view.
        first_views: The representation of each row's first view, (B, ...), with gradients, for a network that it also
            steers; None where the method embeds no whole views.
    """

    loss: Tensor
    logs: dict[str, Tensor]
    first_views: Representation | None = None


class Method(nn.Module):
    """A method: views in, loss out. `encoder` is the online encoder, which becomes the artefact.

    Args:
        encoder: The online encoder.
        positives: Which views are positives and how they are aggregated.

    Attributes:
        key_momentum: Share of the target network kept by each `after_step`, in [0, 1]; set from outside
            before a step.
        last_projection: Online projections of the last forward, (N, D), detached, not normalised: for
            collapse monitors.
    """

    needs_parameters = False  # only the controls see the known parameters
    compares_rows = False  # the rows of one batch with each other
    key_momentum: float
    last_projection: Tensor

    def __init__(self, encoder: Encoder, positives: Positives) -> None:
        super().__init__()
        self.encoder = encoder
        self.positives = positives
        self.key_momentum = 0.999  # MoCo, arXiv:1911.05722, section 4.1
        self.last_projection = torch.empty(0, 0)

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        raise NotImplementedError

    def check(self, patches: tuple[int, ...], rows: int) -> None:
        """Refuses views that the method cannot use, before training.

        Args:
            patches: Crop sizes in pixels, largest first.
            rows: Of a micro-batch, over all devices.

        Raises:
            ValueError: The values do not fit; says what would.
        """
        if self.compares_rows and rows < 2:
            raise ValueError(f"batch_size: {rows} row in a (micro-)batch, but the method compares rows: at least 2")

    def after_step(self) -> None:
        """Called after each optimiser step."""

    def record_projections(self, projections: Tensor) -> None:
        """Keeps online projections (..., D) as `last_projection`."""
        self.last_projection = projections.detach().flatten(0, -2)


class MomentumMethod(Method):
    """A method whose targets come from an exponential moving average of the encoder and the projector.

    The average covers parameters. The target's batch norms stay in train mode, as in MoCo and BYOL: they
    normalise by the statistics of the keys' own batch and keep running statistics of their own.

    Args:
        encoder: The online encoder.
        positives: Which views are positives and how they are aggregated.
        projector: The online projection head, (N, encoder.dim) -> (N, D).
    """

    def __init__(self, encoder: Encoder, positives: Positives, projector: nn.Module) -> None:
        from lightly.models.utils import deactivate_requires_grad

        super().__init__(encoder, positives)
        self.projector = projector
        self.target_encoder = copy.deepcopy(encoder)
        self.target_projector = copy.deepcopy(projector)
        deactivate_requires_grad(self.target_encoder)
        deactivate_requires_grad(self.target_projector)

    @torch.no_grad()
    def target_keys(self, key_crops: Tensor) -> Tensor:
        """Unit projections of the target network, (B, K, 3, p, p) -> (B, K, D), without gradients."""
        return unit(per_view(self.target_projector, embed(self.target_encoder, (key_crops,)).vectors))

    @torch.no_grad()
    def after_step(self) -> None:
        """Moves the target network towards the online network: lightly's `update_momentum` in one fused call."""
        online: list[Tensor] = [*self.encoder.parameters(), *self.projector.parameters()]
        target: list[Tensor] = [*self.target_encoder.parameters(), *self.target_projector.parameters()]
        torch._foreach_lerp_(target, online, 1 - self.key_momentum)


class Embedded(NamedTuple):
    """The views of B rows behind an encoder.

    Attributes:
        vectors: (B, V, encoder.dim), large views first.
        first_views: The representation of each row's first view.
    """

    vectors: Tensor
    first_views: Representation


def embed(encoder: Encoder, crops: tuple[Tensor, ...]) -> Embedded:
    """Embeds all views, one forward per crop size, batched row-major (row 0's views first).

    Args:
        encoder: Any encoder.
        crops: Per crop size, largest first, (B, V_s, 3, p_s, p_s) in [0, 1].
    """
    found = [encoder(crop.flatten(0, 1)) for crop in crops]
    pairs = zip(found, crops, strict=True)
    vectors = [one.vector.unflatten(0, crop.shape[:2]) for one, crop in pairs]
    views = crops[0].shape[1]
    first = Representation(found[0].vector[::views], tuple(map_[::views] for map_ in found[0].maps))
    return Embedded(torch.cat(vectors, dim=1), first)


def per_view(head: nn.Module, vectors: Tensor) -> Tensor:
    """Applies a head to every vector, (B, V, E) -> (B, V, D); its batch norm sees all B * V of them."""
    return head(vectors.flatten(0, 1)).unflatten(0, vectors.shape[:2])


def unit(x: Tensor) -> Tensor:
    """Rows of length one in float32, (..., D)."""
    return normalize(x.float(), dim=-1)
