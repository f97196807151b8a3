"""Grouping of images that look alike."""

import numpy as np

from analysis.embedding.blocks import unit_blocks
from shared.probing import spherical_kmeans, unit_rows

MAX_GROUPS = 8
MIN_IMAGES = 4  # fewer images form one group


def group_images(embedding: np.ndarray, image: np.ndarray, seed: int = 0) -> np.ndarray:
    """Groups images by the mean embedding of their patches; the number of groups has the best silhouette.

    One group if there are fewer than four images, or no number of groups has a positive silhouette.

    Args:
        embedding: Embedding of the patches, (M, D); may be memory-mapped, it is read block by block.
        image: Index of the image of each patch, (M,), from 0.
        seed: Seed of the initial centres.

    Returns:
        The group of each image, (K,), from 0.
    """
    from sklearn.metrics import silhouette_score

    means = np.zeros((int(image.max()) + 1, embedding.shape[1]))
    for rows, unit in unit_blocks(embedding):
        np.add.at(means, image[rows], unit)
    means /= np.bincount(image)[:, None]
    best_score, group = 0.0, np.zeros(len(means), dtype=np.int64)
    for count in range(2, min(MAX_GROUPS, len(means) - 1) + 1) if len(means) >= MIN_IMAGES else ():
        cluster = spherical_kmeans(means, count, seed)
        if len(np.unique(cluster)) < 2:
            continue
        score = float(silhouette_score(unit_rows(means), cluster, metric="cosine"))
        if score > best_score:
            best_score, group = score, cluster
    return np.unique(group, return_inverse=True)[1]
