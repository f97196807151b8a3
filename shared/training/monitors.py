"""Measures that a run monitors besides its loss: the geometry of the embedding, and its collapse."""

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_STD = 0.1  # 1 is healthy; at 0.1 the mean cosine of two samples is 0.99
MIN_RANK = 2.0  # below, a single direction explains nearly everything


def alignment(first: Tensor, second: Tensor) -> Tensor:
    """Computes the mean squared distance of L2-normalised positives, 0 if they coincide, 2 for random directions.

    Args:
        first: Samples, (..., D).
        second: Their positives, (..., D), broadcast.

    Returns:
        A detached scalar in [0, 4].

    Source: Wang and Isola, "Understanding contrastive representation learning through alignment and
        uniformity on the hypersphere", 2020, with alpha = 2.
    """
    return (_normalise(first) - _normalise(second)).square().sum(-1).mean()


def uniformity(embedding: Tensor) -> Tensor:
    """Computes the log of the mean Gaussian potential of all pairs of L2-normalised samples; lower is more uniform.

    Args:
        embedding: Samples, (B, D), at least 2.

    Returns:
        A detached scalar in [-8, 0]: 0 if all samples coincide, near -4 if they fill a sphere of many dimensions.

    Source: Wang and Isola, 2020, with t = 2.
    """
    return torch.pdist(_normalise(embedding)).square().mul(-2).exp().mean().log()


def normalised_std(embedding: Tensor) -> Tensor:
    """Computes the root of the mean variance of L2-normalised samples over the batch, times sqrt(D).

    Args:
        embedding: Samples, (B, D).

    Returns:
        A detached scalar in [0, 1]: 1 if the samples spread around the origin, 0 if all have the same direction. Its
        square is 1 minus the squared length of the mean direction.

    Source: Chen and He, "Exploring simple Siamese representation learning", 2021, section 4.1, which averages the
        standard deviations instead; the root of the mean variance is 1 for every embedding with mean zero.
    """
    return _normalise(embedding).var(0, correction=0).sum().sqrt()


def effective_rank(embedding: Tensor) -> Tensor:
    """Computes the exponential of the entropy of the singular values, normalised to sum 1, of L2-normalised samples.

    Args:
        embedding: Samples, (B, D). They are not centred, so that samples that all coincide have rank 1.

    Returns:
        A detached scalar in [1, min(B, D)].

    Source: Roy and Vetterli, "The effective rank: a measure of effective dimensionality", 2007.
    """
    singular = torch.linalg.svdvals(_normalise(embedding))
    share = singular / singular.sum().clamp_min(torch.finfo(singular.dtype).tiny)
    return torch.special.entr(share).sum().exp()


def describe_collapse(projection: Tensor) -> str | None:
    """Describes the collapse of projections, and what usually helps.

    Untrained networks are nearly collapsed too, so this is meant for batches with many degradations after the warm-up.

    Args:
        projection: Projections, (B, D), at least 2, normalised or not.

    Returns:
        One sentence for the user; None if the projections have not collapsed.
    """
    if not torch.isfinite(projection).all():
        return "the projections are NaN or infinite; try a lower learning rate or full precision"
    std, rank = float(normalised_std(projection)), float(effective_rank(projection))
    if std >= MIN_STD and rank >= MIN_RANK:
        return None
    measures = f"effective rank {rank:.1f} of {min(projection.shape)}, std {std:.2f} where 1 is healthy"
    if std < MIN_STD:
        advice = (
            "all views have nearly the same projection: try a lower learning rate, a longer warm-up or, for a method "
            "without negatives, a key momentum closer to 1"
        )
    else:
        advice = (
            "the projections differ along one direction only: try a lower learning rate, more negatives or a "
            "degradation space with more parameters"
        )
    return f"the projections collapse ({measures}); {advice}"


def _normalise(embedding: Tensor) -> Tensor:
    return F.normalize(embedding.detach().float(), dim=-1)
