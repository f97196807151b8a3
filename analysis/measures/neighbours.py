"""The nearest patches of each patch, within its image and in all others."""

import numpy as np

from shared.probing import nearest_outside, unit_rows

NEAREST = 6


def find_neighbours(embedding: np.ndarray, image: np.ndarray, count: int = NEAREST) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest patches by cosine, exactly.

    Args:
        embedding: Finite embedding, (N, D).
        image: Image of each patch, (N,).
        count: Neighbours of each patch, of either kind.

    Returns:
        Indices of the nearest patches of other images and of the nearest others of its own image, nearest first,
        (N, count) each; -1 where there are fewer.
    """
    outside, within = np.full((2, len(image), count), -1)
    if len(np.unique(image)) > 1:
        found = nearest_outside(embedding, image, count)
        outside[:, : found.shape[1]] = found
    unit = unit_rows(embedding, image)
    for one in np.unique(image):
        rows = np.flatnonzero(image == one)
        similarity = unit[rows] @ unit[rows].T
        np.fill_diagonal(similarity, -np.inf)  # not its own neighbour
        order = np.argsort(-similarity, axis=1, kind="stable")[:, : min(count, len(rows) - 1)]
        within[rows, : order.shape[1]] = rows[order]
    return outside, within
