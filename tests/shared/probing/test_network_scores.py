import numpy as np
import pytest
import torch
from torch import nn

from shared.encoders import Representation
from shared.encoders.statistics import degradation_statistics
from shared.probing import NetworkScorer, score_embedding
from tests.shared.probing.small_probes import small_run_probe


class MeanColours(nn.Module):
    """Mean colours and contrasts as a representation; remembers the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, images):
        assert not self.training
        self.sizes.append(len(images))
        return Representation(torch.cat((images.mean((2, 3)), images.std((2, 3))), 1), ())


def test_networks_are_scored_by_their_vectors_of_all_patches():
    probe = small_run_probe()
    scorer, network = NetworkScorer(probe), MeanColours().train()
    scores = scorer.score(network, repeats=10)
    images = torch.cat(list(probe.batches(50))).float().div(255)
    vectors = torch.cat((images.mean((2, 3)), images.std((2, 3))), 1).numpy()
    expected = score_embedding(vectors, probe, repeats=10)
    assert sum(network.sizes) == len(probe)
    assert network.training
    assert scores.values == pytest.approx(expected.values, abs=1e-5)
    statistics = score_embedding(degradation_statistics(images).numpy(), probe, repeats=10)
    assert scorer.score_statistics(repeats=10).values == pytest.approx(statistics.values, abs=1e-5)


def test_patches_are_rendered_once_and_only_when_a_network_is_scored():
    probe = small_run_probe()
    scorer = NetworkScorer(probe)
    before = probe.store.pixels.clone()
    probe.store.pixels.zero_()  # what is rendered from here on is black
    black = scorer.patches
    probe.store.pixels.copy_(before)
    assert float(black[np.flatnonzero(probe.label == 0)[0]].float().mean()) < 1
    first, again = (scorer.score(MeanColours(), repeats=0) for _ in range(2))
    assert scorer.patches is black
    assert first.values == again.values
