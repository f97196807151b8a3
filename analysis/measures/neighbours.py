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
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # the pools of numpy and torch spin while they wait for each other
        return _find(unit_rows(embedding, image).astype(np.float32), image, count)


def _find(unit: np.ndarray, image: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    found = np.full((2, len(unit), count), -1)
    kept = min(count, len(unit))
    for start in range(0, len(unit), ROW_CHUNK):
        rows = np.arange(start, min(start + ROW_CHUNK, len(unit)))
        similarity = unit[rows] @ unit.T
        similarity[np.arange(len(rows)), rows] = -np.inf  # not its own neighbour
        same = image[rows][:, None] == image
        for kind, allowed in enumerate((~same, same)):
            masked = np.where(allowed, similarity, -np.inf)
            nearest = np.argpartition(-masked, kept - 1, axis=1)[:, :kept]  # a whole sort takes ten times as long
            values = np.take_along_axis(masked, nearest, axis=1)
            order = np.argsort(-values, axis=1, kind="stable")
            nearest, values = (np.take_along_axis(one, order, axis=1) for one in (nearest, values))
            found[kind, rows, :kept] = np.where(np.isfinite(values), nearest, -1)
    return found[0], found[1]
