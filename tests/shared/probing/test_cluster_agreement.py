import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from shared.probing.cluster_agreement import (
    adjusted_rand_index,
    chance_purity,
    contingency,
    normalised_mutual_information,
    purity,
)

GENERATOR = np.random.default_rng(3)


def table(label: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    return contingency(label, cluster, np.zeros(len(label), dtype=int))[0]


@pytest.mark.parametrize("kind", ["related", "unrelated", "same", "single cluster", "single both", "all alone"])
def test_against_scikit_learn(kind):
    label = GENERATOR.integers(5, size=80)
    nothing, each = np.zeros(80, dtype=int), np.arange(80)
    label, cluster = {
        "related": (label, np.where(GENERATOR.uniform(size=80) < 0.6, label, GENERATOR.integers(4, size=80))),
        "unrelated": (label, GENERATOR.integers(7, size=80)),
        "same": (label, (label + 2) % 5),
        "single cluster": (label, nothing),
        "single both": (nothing, nothing),
        "all alone": (each, each[::-1]),
    }[kind]
    counts = table(label, cluster)
    assert normalised_mutual_information(counts) == pytest.approx(
        normalized_mutual_info_score(label, cluster), abs=1e-9
    )
    assert adjusted_rand_index(counts) == pytest.approx(adjusted_rand_score(label, cluster), abs=1e-9)


def test_weighted_images_are_repeated_samples():
    image = np.arange(6).repeat(10)
    label, cluster = GENERATOR.integers(3, size=(2, 60))
    weights = np.array([2, 0, 1, 0, 1, 2])
    rows = np.repeat(np.arange(60), weights[image])
    counts = np.tensordot(weights, contingency(label, cluster, image), axes=1)
    assert (counts == table(label[rows], cluster[rows])).all()


def test_purity_by_hand():
    assert purity(table(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1]))) == pytest.approx(4 / 5)


def test_purity_of_clusters_that_know_nothing():
    assert chance_purity(np.arange(2).repeat(2000)) == pytest.approx(0.5, abs=0.02)
    few = chance_purity(np.arange(5).repeat(4))
    expected = [purity(table(np.arange(5).repeat(4), GENERATOR.permutation(20) // 4)) for _ in range(500)]
    assert few == pytest.approx(np.mean(expected), abs=0.03)
    assert few > 0.3
