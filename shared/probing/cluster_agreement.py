"""Agreement of clusters with labels, from their contingency table."""

import numpy as np

SHUFFLES = 20


def contingency(label: np.ndarray, cluster: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Counts the samples of each image, label and cluster, (I, G, K), given (N,) integers from 0.

    A weighted sum over the first axis counts each image as often as its weight.
    """
    shape = int(image.max()) + 1, int(label.max()) + 1, int(cluster.max()) + 1
    cell = np.ravel_multi_index((image, label, cluster), shape)
    return np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def purity(counts: np.ndarray) -> np.ndarray:
    """Returns the share of samples that have the most frequent label of their cluster, in (0, 1].

    Args:
        counts: Samples of each label and cluster, (..., G, K).
    """
    return counts.max(-2).sum(-1) / counts.sum((-2, -1))


def normalised_mutual_information(counts: np.ndarray) -> np.ndarray:
    """Returns the mutual information over the mean of the two entropies, in [0, 1]; 1 for one label in one cluster.

    Args:
        counts: Samples of each label and cluster, (..., G, K).

    Source: Vinh et al., "Information theoretic measures for clusterings comparison", 2010.
    """
    total = counts.sum((-2, -1))
    joint, of_label, of_cluster = (
        _entropy(table / total[..., None])
        for table in (counts.reshape(*counts.shape[:-2], np.prod(counts.shape[-2:])), counts.sum(-1), counts.sum(-2))
    )
    mean_entropy = (of_label + of_cluster) / 2
    information = np.maximum(of_label + of_cluster - joint, 0)
    return np.divide(information, mean_entropy, out=np.ones_like(information), where=mean_entropy > 0)


def adjusted_rand_index(counts: np.ndarray) -> np.ndarray:
    """Returns the agreement of labels and clusters on pairs of samples, 0 by chance and at maximum 1.

    Args:
        counts: Samples of each label and cluster, (..., G, K).

    Source: Hubert and Arabie, "Comparing partitions", 1985, eq. 5; 1 where both are one group or all singletons.
    """
    agreeing = _count_pairs(counts).sum((-2, -1))
    of_label, of_cluster = _count_pairs(counts.sum(-1)).sum(-1), _count_pairs(counts.sum(-2)).sum(-1)
    total = _count_pairs(counts.sum((-2, -1)))
    expected = of_label * of_cluster / np.maximum(total, 1)
    maximum = (of_label + of_cluster) / 2
    return np.divide(agreeing - expected, maximum - expected, out=np.ones_like(agreeing), where=maximum > expected)


def chance_purity(label: np.ndarray, seed: int = 0) -> float:
    """Returns the mean purity of 20 random clusterings whose sizes are those of the labels (N,)."""
    generator = np.random.default_rng(seed)
    one_image = np.zeros(len(label), dtype=np.int64)
    tables = [contingency(label, generator.permutation(label), one_image)[0] for _ in range(SHUFFLES)]
    return float(np.mean(purity(np.stack(tables))))


def _entropy(share: np.ndarray) -> np.ndarray:
    return -(share * np.log(np.where(share > 0, share, 1))).sum(-1)


def _count_pairs(count: np.ndarray) -> np.ndarray:
    return count * (count - 1) / 2
