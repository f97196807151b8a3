"""Base classes of all methods, forward passes over views, and the momentum target."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from pretrain.positives import Positives, Terms
from pretrain.time_constants import RunPace, describe_slow_target, describe_target
from pretrain.views import ViewBatch
from shared.encoders import Encoder, Representation

NEGATIVE_ROWS = "negative_rows"  # log: number of independently drawn rows that the negatives of a query come from


class MethodOutput(NamedTuple):
    """Output of a method for one batch.

    Attributes:
        loss: Scalar loss.
        logs: Detached scalars to log; they include `NEGATIVE_ROWS` if the loss is an InfoNCE between single views.
        first_views: Representation of the first view of each row, (B, ...), with gradients, for a network that is
            conditioned on it; None if the method embeds no whole views.
    """

    loss: Tensor
    logs: dict[str, Tensor]
    first_views: Representation | None = None


class Method(nn.Module):
    """Base of all methods, which compute a loss from views. The online encoder becomes the artefact.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.

    Attributes:
        needs_parameters: Whether the method reads `ViewBatch.parameters`, the true parameters of the degradations; only
            the controls do.
        needs_sharp: Whether the method reads `ViewBatch.sharp`, the crops before their degradation.
        compares_rows: Whether the loss compares the rows of a batch with each other.
        has_target: Whether a target network follows the encoder, at the pace of `key_momentum`.
        key_momentum: Share of its weights that the target network keeps at each `after_step`, in [0, 1]; set by the
            training before each step.
        last_projection: Online projections of the last forward pass for collapse monitors, (N, D), detached, not
            normalised.
    """

    needs_parameters = False
    needs_sharp = False
    compares_rows = False
    has_target = False
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
        """Refuses crop sizes and batch sizes that the method cannot use, before the training.

        Args:
            patches: Crop sizes in pixels, largest first.
            rows: Number of rows of a micro-batch, over all devices.

        Raises:
            ValueError: The crops or the rows do not fit the method.
        """
        if self.compares_rows and rows < 2:
            raise ValueError(
                f"batch_size: {rows} row in a (micro-)batch; this method compares rows and needs at least 2"
            )

    def check_source(self, scale: int, margin: int) -> None:
        """Refuses source crops that the method cannot use, before the training.

        Args:
            scale: Factor by which the views are down-sampled.
            margin: Source pixels around each view.

        Raises:
            ValueError: The crops do not fit the method.
        """

    def describe_time_constants(self, pace: RunPace) -> str:
        """Describes the time constants of the method in a run in a few words; empty if it has none."""
        return ""

    def describe_misfits(self, pace: RunPace) -> list[str]:
        """Describes, in one sentence each, the time constants of the method that do not fit a run."""
        return []

    def after_step(self) -> None:
        """Updates state that has no gradient, such as a target network; called after each optimiser step."""

    def record_projections(self, projections: Tensor) -> None:
        """Stores online projections (..., D) as `last_projection`."""
        self.last_projection = projections.detach().flatten(0, -2)


class MomentumMethod(Method):
    """Method whose targets come from an exponential moving average of the encoder and the projector.

    Only parameters are averaged. As in MoCo and BYOL, the batch norms of the target network stay in training mode: they
    normalise by the batch statistics of the keys and keep their own running statistics.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        projector: Online projection head, (N, encoder.dim) -> (N, D).
    """

    has_target = True

    def __init__(self, encoder: Encoder, positives: Positives, projector: nn.Module) -> None:
        from lightly.models.utils import deactivate_requires_grad

        super().__init__(encoder, positives)
        self.projector = projector
        self.target_encoder = copy.deepcopy(encoder)
        self.target_projector = copy.deepcopy(projector)
        deactivate_requires_grad(self.target_encoder)
        deactivate_requires_grad(self.target_projector)

    def describe_time_constants(self, pace: RunPace) -> str:
        """Describes how far the target network lags behind."""
        return describe_target(pace)

    def describe_misfits(self, pace: RunPace) -> list[str]:
        """Describes a target network that is too slow for a run."""
        problem = describe_slow_target(pace)
        return [problem] if problem else []

    @torch.no_grad()
    def target_keys(self, key_crops: Tensor) -> Tensor:
        """Computes unit projections of the target network, (B, K, 3, p, p) -> (B, K, D), without gradients."""
        return l2_normalize(apply_per_view(self.target_projector, embed(self.target_encoder, (key_crops,)).vectors))

    def predict_keys(self, views: ViewBatch, predictor: nn.Module) -> tuple[Terms, Representation]:
        """Compares predictions from the online network with the keys of the target network.

        Args:
            views: Views of the batch.
            predictor: Head from online projections to predictions of the keys.

        Returns:
            The terms of the loss, and the representation of the first view of each row.
        """
        query_crops, key_crops = self.positives.split(views.crops)
        vectors, first_views = embed(self.encoder, query_crops)
        projections = apply_per_view(self.projector, vectors)  # (B, Q, D)
        self.record_projections(projections)
        predictions = l2_normalize(apply_per_view(predictor, projections))
        return self.positives.terms(predictions, self.target_keys(key_crops)), first_views

    @torch.no_grad()
    def after_step(self) -> None:
        """Moves the target towards the online network, like lightly's `update_momentum` but in one fused call."""
        online: list[Tensor] = [*self.encoder.parameters(), *self.projector.parameters()]
        target: list[Tensor] = [*self.target_encoder.parameters(), *self.target_projector.parameters()]
        torch._foreach_lerp_(target, online, 1 - self.key_momentum)


class Embeddings(NamedTuple):
    """Embeddings of the views of B rows.

    Attributes:
        vectors: Pooled vectors of all views, large views first, (B, V, encoder.dim).
        first_views: Representation of the first view of each row.
    """

    vectors: Tensor
    first_views: Representation


def embed(encoder: Encoder, crops: tuple[Tensor, ...]) -> Embeddings:
    """Embeds all views in one forward pass per crop size, row by row (the views of row 0 first).

    Args:
        encoder: Encoder to embed with.
        crops: Crops per size, largest first, (B, V_s, 3, p_s, p_s) in [0, 1].
    """
    outputs = [encoder(crop.flatten(0, 1)) for crop in crops]
    vectors = [output.vector.unflatten(0, crop.shape[:2]) for output, crop in zip(outputs, crops, strict=True)]
    views, large = crops[0].shape[1], outputs[0]
    first_views = Representation(large.vector[::views], tuple(map_[::views] for map_ in large.maps))
    return Embeddings(torch.cat(vectors, dim=1), first_views)


def apply_per_view(head: nn.Module, vectors: Tensor) -> Tensor:
    """Applies a head to each vector, (B, V, E) -> (B, V, D); its batch norm normalises over all B * V vectors."""
    return head(vectors.flatten(0, 1)).unflatten(0, vectors.shape[:2])


def l2_normalize(x: Tensor) -> Tensor:
    """Scales vectors to length one in float32, (..., D)."""
    return normalize(x.float(), dim=-1)
