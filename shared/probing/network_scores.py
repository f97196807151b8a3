"""The scores of networks on one probe set."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from shared.encoders.statistics import degradation_statistics
from shared.inference import embed_batches
from shared.probing.probe_set import RENDER_CHUNK, ProbeSet
from shared.probing.scores import EmbeddingScores, score_embedding


class NetworkScorer:
    """Scores networks on one probe set, whose patches are rendered once, at the first score, and kept in memory.

    Args:
        probe: Probe set that all networks embed.
    """

    def __init__(self, probe: ProbeSet) -> None:
        self.probe = probe

    @cached_property
    def patches(self) -> Tensor:
        """Patches of the probe set, (N, 3, p, p) uint8."""
        return torch.cat(list(self.probe.batches()))

    def score(self, encoder: nn.Module, *, bf16: bool = False, repeats: int = 500) -> EmbeddingScores:
        """Scores an encoder by its pooled vectors, with `repeats` bootstrap draws per interval."""
        batches = self.patches.split(RENDER_CHUNK)
        vectors = embed_batches(encoder, batches, bf16=bf16, vector_of=lambda found: found.vector)
        return score_embedding(np.concatenate(list(vectors)), self.probe, repeats=repeats)

    def score_statistics(self, repeats: int = 500) -> EmbeddingScores:
        """Scores the hand-made statistics."""
        embedding = degradation_statistics(self.patches.float().div(255)).numpy()
        return score_embedding(embedding, self.probe, repeats=repeats)
