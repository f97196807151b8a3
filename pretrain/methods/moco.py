"""MoCo: contrasts keys of a momentum encoder with a queue of earlier keys."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pretrain.gathering import gather, own_rows
from pretrain.key_queue import KeyQueue
from pretrain.losses import batch_info_nce, count_other_rows, measure_alignment, queue_info_nce
from pretrain.methods.base import NEGATIVE_ROWS, MethodOutput, MomentumMethod, apply_per_view, embed, l2_normalize
from pretrain.methods.heads import centred_head
from pretrain.positives import Positives, Terms
from pretrain.time_constants import AUTO, RunPace, choose_queue_size, describe_queue, describe_stale_queue
from pretrain.views import ViewBatch
from shared.bounds import bounded
from shared.encoders import Encoder


@dataclass
class MoCoConfig:
    """Options of MoCo; DASR's head has `hidden_dim=256 output_dim=256`."""

    hidden_dim: int = bounded(2048, 1, 2**16)  # MoCo v2
    output_dim: int = bounded(128, 1, 2**16)  # MoCo v2
    batch_norm: bool = False  # after both layers of the head, so that keys have mean zero; MoCo v3
    temperature: float = bounded(0.07, above=0, high=1000)  # MoCo v1 and DASR
    queue_size: int | str = bounded(AUTO, 0, 2**24)  # keys, 8192 in DASR; 0: the other rows of the batch
    keys_per_step: int | None = bounded(None, 1, 2**24)  # keys enqueued per step over all ranks; None: all

    def fit_to(self, pace: RunPace, positives: Positives, started: object = None) -> MoCoConfig:
        """Replaces `auto` by a queue that fits a run.

        Args:
            pace: Pace of the run.
            positives: Policy that determines how many keys enter the queue.
            started: Size of the queue with which the run was started, if it was.

        Raises:
            ValueError: The size of the queue or the number of keys is invalid.
        """
        option = pace.method_option
        if self.queue_size != AUTO and isinstance(self.queue_size, str):
            raise ValueError(f"{option}.queue_size={self.queue_size} must be a number of keys, 0 for none, or auto")
        if self.queue_size != AUTO:
            return self
        fitted = choose_queue_size(pace, self.count_keys(pace, positives))
        return replace(self, queue_size=started if isinstance(started, int) else fitted)

    def count_keys(self, pace: RunPace, positives: Positives) -> int:
        """Counts the keys that enter a queue at each optimiser step."""
        keys = pace.rows * positives.enqueued_keys
        return pace.micro_batches * (keys if self.keys_per_step is None else min(keys, self.keys_per_step))


class MoCo(MomentumMethod):
    """Momentum contrast with a queue or with in-batch negatives, for any policy of positives.

    While the queue is empty, at the first step of a training, the keys of the other rows of the batch are the
    negatives: without any, the loss and its gradient would be 0. From the second step on all negatives come from the
    queue, as published, so that their number depends on the queue and not on the batch.
    Source: MoCo, arXiv:1911.05722, algorithm 1; head of MoCo v2, arXiv:2003.04297. Deviation: no shuffled
    batch norm.

    Args:
        encoder: Online encoder.
        positives: Policy that selects and aggregates positives.
        config: Options of the method, without `auto`.
    """

    def __init__(self, encoder: Encoder, positives: Positives, config: MoCoConfig) -> None:
        from lightly.models.modules.heads import MoCoProjectionHead

        make_head = centred_head if config.batch_norm else MoCoProjectionHead
        projector = make_head(encoder.dim, config.hidden_dim, config.output_dim)
        super().__init__(encoder, positives, projector)
        self.config = config
        size = int(config.queue_size)
        self.queue = KeyQueue(size, config.output_dim, config.keys_per_step) if size else None
        self.compares_rows = self.queue is None

    def describe_time_constants(self, pace: RunPace) -> str:
        """Describes how far the target network lags behind, and the age of a full queue."""
        size, keys = int(self.config.queue_size), self.config.count_keys(pace, self.positives)
        return f"{super().describe_time_constants(pace)}; {describe_queue(size=size, keys_per_step=keys)}"

    def describe_misfits(self, pace: RunPace) -> list[str]:
        """Describes a target network that is too slow for a run, and a queue that is older than its memory."""
        if self.queue is None:
            return super().describe_misfits(pace)
        keys = self.config.count_keys(pace, self.positives)
        problem = describe_stale_queue(pace, size=self.queue.size, keys_per_step=keys)
        return super().describe_misfits(pace) + ([problem] if problem else [])

    def forward(self, views: ViewBatch) -> MethodOutput:
        """Computes the loss and, in training, enqueues the keys of all ranks."""
        query_crops, key_crops = self.positives.split(views.crops)
        vectors, first_views = embed(self.encoder, query_crops)
        projections = apply_per_view(self.projector, vectors)  # (B, Q, D)
        self.record_projections(projections)
        keys = self.target_keys(key_crops)  # (B, K, D)
        terms = self.positives.terms(l2_normalize(projections), keys)
        if self.queue is None:
            loss, logs = self._contrast_batch(terms)
        else:
            loss, logs = self._contrast_queue(self.queue, terms, keys)
        logs |= {"loss": loss.detach(), "alignment": measure_alignment(terms)}
        return MethodOutput(loss, logs, first_views)

    def _contrast_batch(self, terms: Terms) -> tuple[Tensor, dict[str, Tensor]]:
        """Contrasts with the keys of the other rows; returns the loss and logs."""
        loss = batch_info_nce(terms, self.config.temperature)
        return loss, {NEGATIVE_ROWS: count_other_rows(terms)} if self.positives.compares_single_views else {}

    def _contrast_queue(self, queue: KeyQueue, terms: Terms, keys: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Contrasts with the keys of a queue, then enqueues those of this step, (B, K, D); returns the loss and logs.

        `loss_of_other_rows` in the logs is the same loss with the positives of another row. If it equals the loss, the
        queries match wrong positives as well as the right ones.
        """
        fresh = gather(self.positives.keys_to_enqueue(keys).unflatten(0, (len(keys), -1)))  # (R, K', D)
        negatives = _collect_negatives(queue, fresh, len(keys))
        loss = queue_info_nce(terms, *negatives, self.config.temperature)
        swapped = replace(terms, queries=terms.queries.detach().roll(1, dims=0))
        if self.training:
            queue.enqueue(fresh.flatten(0, 1))
        logs = {
            "queue_fill": queue.fill_fraction(),
            "loss_of_other_rows": queue_info_nce(swapped, *negatives, self.config.temperature),
        }
        if self.positives.compares_single_views:
            _, is_negative = negatives
            logs[NEGATIVE_ROWS] = is_negative.sum() / (len(keys) * fresh.shape[1])  # K' keys come from one row
        return loss, logs


def _collect_negatives(queue: KeyQueue, fresh: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Returns the keys of the queue or, while it is empty, those of the other rows.

    Args:
        queue: The queue.
        fresh: Keys to enqueue of the R rows of all ranks, (R, K', D).
        rows: Number B of rows of this rank.

    Returns:
        Keys (N + R * K', D), and which of them are negatives of each row, (B, N + R * K').
    """
    stored, valid = queue.negatives()  # (N, D), (N,)
    all_rows = torch.arange(len(fresh), device=fresh.device)  # (R,)
    all_rows = all_rows.repeat_interleave(fresh.shape[1])  # (R * K',)
    other_row = own_rows(rows, fresh.device)[:, None] != all_rows  # (B, R * K')
    replaces_queue = other_row & (queue.filled == 0)
    return torch.cat([stored, fresh.flatten(0, 1)]), torch.cat([valid.expand(rows, -1), replaces_queue], dim=1)
