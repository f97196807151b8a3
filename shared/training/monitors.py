"""What a run watches besides its loss: geometry of the embedding, and whether it collapses."""

import torch
import torch.nn.functional as F
from torch import Tensor

COLLAPSED_STD = 0.1  # of 1; the mean cosine of two samples is then 0.99
COLLAPSED_RANK = 2.0  # below, one direction holds nearly everything


def alignment(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared distance of the L2-normalised positives: 0 when they coincide, 2 for random directions.

    Args:
        first: (..., D).
        second: (..., D), each a positive of its counterpart; broadcast.

    Returns:
        A scalar in [0, 4], detached.

    Source: Wang and Isola, "Understanding contrastive representation learning through alignment and
        uniformity on the hypersphere", 2020, with alpha = 2.
    """
    return (_unit(first) - _unit(second)).square().sum(-1).mean()


def uniformity(embedding: Tensor) -> Tensor:
    """Log of the mean Gaussian potential of all pairs of L2-normalised samples; lower is more uniform.

    Args:
        embedding: (B, D), B at least 2.

    Returns:
        A scalar in [-8, 0]: 0 when all samples coincide, near -4 when they fill a sphere of many dimensions.

    Source: Wang and Isola, 2020, with t = 2.
    """
    return torch.pdist(_unit(embedding)).square().mul(-2).exp().mean().log()


def normalised_std(embedding: Tensor) -> Tensor:
    """Root mean variance over the batch of the L2-normalised samples, times sqrt(D).

    Args:
        embedding: (B, D).

    Returns:
        A scalar in [0, 1]: 1 when the samples spread around the origin, 0 when all point the same way. Its
        square is 1 minus the squared length of the mean direction.

    Source: Chen and He, "Exploring simple Siamese representation learning", 2021, section 4.1, where the mean
        of the standard deviations is taken; the root of the mean variance is 1 for every embedding with mean
        zero.
    """
    return _unit(embedding).var(0, correction=0).sum().sqrt()


def effective_rank(embedding: Tensor) -> Tensor:
    """Exponential of the entropy of the singular values (as shares of their sum) of the L2-normalised rows.

    Args:
        embedding: (B, D). Not centred: samples that all coincide have rank 1.

    Returns:
        A scalar in [1, min(B, D)].

    Source: Roy and Vetterli, "The effective rank: a measure of effective dimensionality", 2007.
    """
    singular = torch.linalg.svdvals(_unit(embedding))
    share = singular / singular.sum().clamp_min(torch.finfo(singular.dtype).tiny)
    return torch.special.entr(share).sum().exp()


def collapse_warning(projection: Tensor) -> str | None:
    """Say in words that the projections collapse, and what usually helps.

    An untrained network is nearly collapsed too: judge after the warm-up, on a batch with many degradations.

    Args:
        projection: (B, D), B at least 2, normalised or not.

    Returns:
        One sentence for the user, or None while all is well.
    """
    if not torch.isfinite(projection).all():
        return "the projections are NaN or infinite; try a lower learning rate or full precision"
    std, rank = float(normalised_std(projection)), float(effective_rank(projection))
    if std >= COLLAPSED_STD and rank >= COLLAPSED_RANK:
        return None
    seen = f"effective rank {rank:.1f} of {min(projection.shape)}, std {std:.2f} where 1 is healthy"
    if std < COLLAPSED_STD:
        advice = (
            "all views look the same to the network: try a lower learning rate, a longer warm-up or, for a "
            "method without negatives, a key momentum nearer to 1"
        )
    else:
        advice = (
            "the views differ along one direction only: try a lower learning rate, more negatives or a "
            "degradation space with more parameters"
        )
    return f"the projections collapse ({seen}); {advice}"


def _unit(embedding: Tensor) -> Tensor:
    return F.normalize(embedding.detach().float(), dim=-1)
