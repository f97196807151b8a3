"""Re-degradation: from a view, predicts what turns another sharp crop into its degraded view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pretrain.losses import batch_info_nce, measure_alignment
from pretrain.methods.base import Method, MethodOutput, apply_per_view, embed, l2_normalize
from pretrain.positives import Positives
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.degradations import blur_and_down_sample, composed_reach
from shared.encoders import Encoder, to_gray

START_SIGMA = 1.5  # width in pixels of the kernel that an untrained head predicts
START_DEVIATION = 12 / 255  # of the residual that it predicts
LEVEL = 1 / 255  # an 8-bit level: smaller residuals are rounding
BETA = 0.5  # exponent of the variance that weighs the likelihood; arXiv:2203.09168


@dataclass
class RedegradationConfig:
    """Options of re-degradation."""

    kernel_size: int = bounded(21, 1, 101)  # side of the predicted blur kernels in source pixels
    hidden_dim: int = bounded(512, 1, 2**16)  # of the head that predicts them
    contrastive: float = bounded(0.1, 0, 1e6)  # weight of the contrast with the other rows; 0: none
    output_dim: int = bounded(128, 1, 2**16)  # of the contrast, as in SimCLR
    temperature: float = bounded(0.2, above=0, high=1000)  # of the contrast


class Redegradation(Method):
    """Predicts from each view a blur kernel and a noise level, and tests them on another view of the row.

    The kernel blurs the sharp crop of the other view. What is left to its degraded crop is taken for Gaussian with the
    predicted deviation: noise itself cannot be predicted and so cannot hide the blur, but its level can. What the views
    have in common helps: with `views.other_images`, nothing but the degradation. A contrast with the other rows
    (NT-Xent) may stand beside.
    Source: the re-degradation of ReDSR, arXiv:2407.01299, and the weighted likelihood of arXiv:2203.09168, eq. 4.
    Deviation: kernel and noise level are predicted from the vector, and tested on another view.

    Args:
        encoder: Online encoder.
        positives: Policy of the contrast; it also gives the number of large views per row.
        config: Options of the method.

    Raises:
        ValueError: The side of the kernels is even or too small, or the weight of the contrast negative.
    """

    needs_sharp = True
    start: Tensor

    def __init__(self, encoder: Encoder, positives: Positives, config: RedegradationConfig) -> None:
        from lightly.models.modules.heads import SimCLRProjectionHead

        size = config.kernel_size
        if size < 3 or size % 2 == 0:
            raise ValueError(f"method.kernel_size={size} must be odd and at least 3")
        if config.contrastive < 0:
            raise ValueError(f"method.contrastive={config.contrastive} must not be negative")
        super().__init__(encoder, positives)
        self.config = config
        self.compares_rows = config.contrastive > 0
        self.standardise = nn.BatchNorm1d(encoder.dim, affine=False)
        last = nn.Linear(config.hidden_dim, size**2 + 1)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(nn.Linear(encoder.dim, config.hidden_dim), nn.ReLU(), last)
        place = torch.arange(size) - size // 2
        logits = -(place[:, None] ** 2 + place**2) / (2 * START_SIGMA**2)
        start = torch.cat([logits.flatten(), torch.tensor([2 * math.log(START_DEVIATION)])])
        self.register_buffer("start", start, persistent=False)
        self.projector = SimCLRProjectionHead(encoder.dim, output_dim=config.output_dim) if self.compares_rows else None

    def check_source(self, scale: int, margin: int) -> None:
        """Refuses a margin that the predicted kernels reach beyond."""
        reach = composed_reach(scale, self.config.kernel_size)
        if margin < reach:
            raise ValueError(
                f"method.kernel_size={self.config.kernel_size} needs a margin of {reach} pixels around a patch, the "
                f"degradation space has {margin}: use a smaller kernel, or set `margin` in the space"
            )

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss of a batch."""
        vectors, first_views = embed(self.encoder, views.crops)  # (B, V, dim)
        self.record_projections(vectors)
        predicted = self.head(apply_per_view(self.standardise, vectors)).float() + self.start  # (B, V, k * k + 1)
        with torch.autocast(predicted.device.type, enabled=False):
            side = self.config.kernel_size
            kernels = predicted[..., :-1].softmax(-1).unflatten(-1, (side, side))  # (B, V, k, k)
            log_variance = predicted[..., -1]
            log_variance = log_variance.logaddexp(torch.full_like(log_variance, 2 * math.log(LEVEL)))  # (B, V)
            of_other_view = kernels.roll(1, dims=1).split([crop.shape[1] for crop in views.crops], dim=1)
            sizes = zip(views.sharp, views.crops, of_other_view, strict=True)
            power = torch.cat([measure_residual(*size, scale=views.scale) for size in sizes], dim=1)  # (B, V)
            loss = weighted_likelihood(power, log_variance.roll(1, dims=1))
        logs = {"residual_levels": power.detach().sqrt().mean() / LEVEL}
        if self.projector is not None:
            projections = l2_normalize(apply_per_view(self.projector, vectors))
            terms = self.positives.terms(*self.positives.roles(projections))
            contrast = batch_info_nce(terms, self.config.temperature)
            loss = loss + self.config.contrastive * contrast
            logs |= {"contrast": contrast.detach(), "alignment": measure_alignment(terms)}
        return MethodOutput(loss, logs | {"loss": loss.detach()}, first_views)


def measure_residual(sharp: Tensor, degraded: Tensor, kernels: Tensor, *, scale: int = 1) -> Tensor:
    """Measures what blur leaves unexplained, in luma.

    Args:
        sharp: Sharp crops with a margin, (B, V, 3, S, S) in [0, 1].
        degraded: Degraded views, (B, V, 3, p, p) in [0, 1].
        kernels: Blur kernel of each view, (B, V, k, k).
        scale: Factor of the down-sampling.

    Returns:
        Mean square of the residual of each view, (B, V).
    """
    rows, views = degraded.shape[:2]
    margin = (sharp.shape[-1] - scale * degraded.shape[-1]) // 2
    gray = to_gray(sharp.flatten(0, 1))[:, None]  # (B * V, 1, 1, S, S)
    blurred = blur_and_down_sample(gray, kernels.flatten(0, 1), scale=scale, margin=margin)
    residual = to_gray(degraded.flatten(0, 1))[:, None] - blurred
    return residual.square().mean((1, 2, 3, 4)).view(rows, views)


def weighted_likelihood(power: Tensor, log_variance: Tensor) -> Tensor:
    """Computes the negative log likelihood of Gaussian residuals; its gradient weighs each by its deviation.

    Without the weights, in 8-bit levels, views with little noise would outweigh all others.

    Args:
        power: Mean squares of the residuals, of any shape.
        log_variance: Logarithms of the predicted variances, of the same shape.

    Returns:
        The mean in nats per pixel, up to a constant, scalar.
    """
    likelihood = 0.5 * (power * (-log_variance).exp() + log_variance)
    weighted = likelihood * (BETA * log_variance.detach()).exp() / LEVEL
    return (weighted + (likelihood - weighted).detach()).mean()
