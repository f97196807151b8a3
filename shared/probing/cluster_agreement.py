"""How far clusters agree with labels, from the table of their counts."""

import numpy as np

SHUFFLES = 20


def contingency(label: np.ndarray, cluster: np.ndarray, image: np.ndarray) -> np.ndarray:
    """(I, G, K) samples of each image, label and cluster; of (N,) integers from 0.

    A weighted sum over the images counts them as often as their weights say.
    """
    shape = int(image.max()) + 1, int(label.max()) + 1, int(cluster.max()) + 1
    place = np.ravel_multi_index((image, label, cluster), shape)
    return np.bincount(place, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def purity(counts: np.ndarray) -> np.ndarray:
    """Share of samples that have the most frequent label of their cluster, in (0, 1], of counts (..., G, K)."""
    return counts.max(-2).sum(-1) / counts.sum((-2, -1))


def normalised_mutual_information(counts: np.ndarray) -> np.ndarray:
    """Over the mean of the two entropies, in [0, 1], of counts (..., G, K); 1 for one label in one cluster.

    Source: Vinh et al., "Information theoretic measures for clusterings comparison", 2010.
    """
    total = counts.sum((-2, -1))
    both, of_label, of_cluster = (
        _entropy(table / total[..., None])
        for table in (counts.reshape(*counts.shape[:-2], np.prod(counts.shape[-2:])), counts.sum(-1), counts.sum(-2))
    )
    entropies = (of_label + of_cluster) / 2
    shared = np.maximum(of_label + of_cluster - both, 0)
    return np.divide(shared, entropies, out=np.ones_like(shared), where=entropies > 0)


def adjusted_rand_index(counts: np.ndarray) -> np.ndarray:
    """Pairs on which labels and clusters agree, 0 by chance and at most 1, of counts (..., G, K).

    Source: Hubert and Arabie, "Comparing partitions", 1985, eq. 5; 1 where both are one group or all single.
    """
    together = _pairs(counts).sum((-2, -1))
    of_label, of_cluster = _pairs(counts.sum(-1)).sum(-1), _pairs(counts.sum(-2)).sum(-1)
    total = _pairs(counts.sum((-2, -1)))
    expected = of_label * of_cluster / np.maximum(total, 1)
    most = (of_label + of_cluster) / 2
    return np.divide(together - expected, most - expected, out=np.ones_like(together), where=most > expected)


def chance_purity(label: np.ndarray, seed: int = 0) -> float:
    """Mean purity of 20 clusterings of the labels' sizes that know nothing of the labels (N,)."""
    generator = np.random.default_rng(seed)
    nowhere = np.zeros(len(label), dtype=np.int64)
    tables = [contingency(label, generator.permutation(label), nowhere)[0] for _ in range(SHUFFLES)]
    return float(np.mean(purity(np.stack(tables))))


def _entropy(share: np.ndarray) -> np.ndarray:
    return -(share * np.log(np.where(share > 0, share, 1))).sum(-1)


def _pairs(count: np.ndarray) -> np.ndarray:
    return count * (count - 1) / 2
