"""The nearest patches of each patch, within its image and in all others."""

import numpy as np

from shared.probing import unit_rows

NEAREST = 6
ROW_CHUNK = 512  # patches whose similarities are in memory at a time


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
    unit = unit_rows(embedding, image).astype(np.float32)
    found = np.full((2, len(unit), count), -1)
    for start in range(0, len(unit), ROW_CHUNK):
        rows = np.arange(start, min(start + ROW_CHUNK, len(unit)))
        similarity = unit[rows] @ unit.T
        similarity[np.arange(len(rows)), rows] = -np.inf  # not its own neighbour
        same = image[rows][:, None] == image
        for kind, allowed in enumerate((~same, same)):
            masked = np.where(allowed, similarity, -np.inf)
            nearest = np.argsort(-masked, axis=1, kind="stable")[:, :count]
            known = np.isfinite(np.take_along_axis(masked, nearest, axis=1))
            found[kind, rows, : nearest.shape[1]] = np.where(known, nearest, -1)
    return found[0], found[1]
