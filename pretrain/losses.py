"""Contrastive losses over the terms of `pretrain.positives`; computed in float32 also under autocast."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from pretrain.gathering import gather, gather_with_gradient, own_rows, world_size
from pretrain.positives import Terms
from shared.training.monitors import alignment

EXCLUDED = -1e9  # logit of an excluded pair: finite, so that a row without negatives has loss 0, not NaN


def measure_alignment(terms: Terms) -> Tensor:
    """Computes `alignment` of queries and their positives, scalar, detached."""
    return alignment(terms.queries, terms.keys)


def alignment_loss(terms: Terms) -> Tensor:
    """Computes the negative mean of <query, key>: SimSiam's negative cosine similarity if both have unit length.

    Source: SimSiam, arXiv:2011.10566, eq. 1. Keys are not normalised here, so that a mean of keys (`logit_mean`) gives
    the mean of the cosines.

    Args:
        terms: Predictions as queries and targets as keys.
    """
    return -(terms.queries * terms.keys).sum(dim=-1).mean()


def count_other_rows(terms: Terms) -> Tensor:
    """Counts the rows whose candidates are negatives in `batch_info_nce`, scalar."""
    return torch.tensor(len(terms.candidates) * world_size() - 1)


def queue_info_nce(terms: Terms, negatives: Tensor, valid: Tensor, temperature: float) -> Tensor:
    """Computes InfoNCE of each term against a set of negatives, mean over rows and terms.

    Source: MoCo, arXiv:1911.05722, eq. 1.

    Args:
        terms: Unit queries and keys.
        negatives: Unit keys, (N, D).
        valid: Which negatives count, bool, (N,) for all rows or (B, N) per row.
        temperature: Positive divisor of the similarities.
    """
    with torch.autocast(terms.queries.device.type, enabled=False):
        queries = terms.queries.float()
        positive = (queries * terms.keys.float()).sum(dim=-1, keepdim=True) / temperature  # (B, T, 1)
        negative = queries @ negatives.float().T / temperature  # (B, T, N)
        counts = valid.expand(queries.shape[0], -1)[:, None]  # (B, 1, N)
        negative = negative.masked_fill(~counts, EXCLUDED)
        logits = torch.cat([positive, negative], dim=-1).flatten(0, 1)  # (B * T, 1 + N)
        return cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))


def batch_info_nce(terms: Terms, temperature: float, same_slot: bool = False) -> Tensor:
    """Computes InfoNCE against the candidates of the other rows of the global batch, mean over rows and terms.

    Other candidates of the same row are never negatives. With two symmetric views this is NT-Xent (SimCLR,
    arXiv:2002.05709, eq. 1); with `same_slot` it is the loss of MoCo v3 and Fast-MoCo (keys of one view at a time).

    Args:
        terms: Unit queries and keys; gradients flow into both, also across ranks.
        temperature: Positive divisor of the similarities.
        same_slot: Whether only the candidates in the slot of the positive are negatives.
    """
    with torch.autocast(terms.queries.device.type, enabled=False):
        queries, slots = terms.queries.float(), terms.slots
        candidates = gather_with_gradient(terms.candidates.float())  # (R, C, D)
        rows, slot_count = candidates.shape[:2]
        logits = queries.flatten(0, 1) @ candidates.flatten(0, 1).T / temperature  # (B * T, R * C)
        own = own_rows(queries.shape[0], queries.device)  # (B,)
        same_row = (own[:, None] == torch.arange(rows, device=own.device))[:, None, :, None]  # (B, 1, R, 1)
        in_slot = slots[:, None] == torch.arange(slot_count, device=own.device)  # (T, C)
        in_slot = in_slot[None, :, None]  # (1, T, 1, C)
        counts = in_slot if same_slot else in_slot | ~same_row  # (B or 1, T, R or 1, C)
        counts = counts.expand(queries.shape[0], -1, rows, -1).reshape(logits.shape)
        labels = (own[:, None] * slot_count + slots).flatten()  # (B * T,)
        return cross_entropy(logits.masked_fill(~counts, EXCLUDED), labels)


def parameter_info_nce(projections: Tensor, parameters: Tensor, temperature: float, bandwidth: float) -> Tensor:
    """Computes a supervised contrastive loss with soft classes, given by the similarity of the parameters.

    With similarity w = exp(-|p_i - p_j|^2 / (2 bandwidth^2)), a view of row j is a positive of row i with weight w and
    a negative with weight 1 - w; all views of a row are positives of each other. As the bandwidth goes to 0 the loss
    becomes NT-Xent.
    Source: SupCon, arXiv:2004.11362, eq. 2, with the weights of y-aware InfoNCE, arXiv:2106.08808. Deviation: a
    positive competes with the weighted negatives only, not with other positives.

    Args:
        projections: Projections of unit length, (B, V, D), V >= 2.
        parameters: Parameters of the degradations, about unit range, (B, F).
        temperature: Positive divisor of the similarities.
        bandwidth: Standard deviation of w in the units of `parameters`.
    """
    with torch.autocast(projections.device.type, enabled=False):
        views = projections.shape[1]
        anchors = projections.float().flatten(0, 1)  # (B * V, D)
        others = gather_with_gradient(projections.float()).flatten(0, 1)  # (R * V, D)
        logits = anchors @ others.T / temperature  # (B * V, R * V)
        parameters = parameters.float()
        # without the matrix product, so that equal rows have distance 0 exactly
        exact = "donot_use_mm_for_euclid_dist"
        distance = torch.cdist(parameters, gather(parameters), compute_mode=exact)  # (B, R)
        weight = torch.exp(-(distance**2) / (2 * bandwidth**2))
        weight = weight.repeat_interleave(views, dim=0).repeat_interleave(views, dim=1)  # (B * V, R * V)
        log_negative = torch.log1p(-weight).clamp(min=EXCLUDED)  # weight 1: not a negative
        log_negatives = torch.logsumexp(logits + log_negative, dim=1, keepdim=True)  # (B * V, 1)
        itself = own_rows(len(anchors), logits.device)  # (B * V,)
        positive = weight.scatter(1, itself[:, None], 0.0)
        losses = softplus(log_negatives - logits)  # -log(e^l / (e^l + sum of negatives))
        return ((positive * losses).sum(dim=1) / positive.sum(dim=1)).mean()
