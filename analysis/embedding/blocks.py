"""Block-wise reading of an embedding that is larger than memory, and even samples of its rows."""

from collections.abc import Iterator

import numpy as np

from shared.probing import unit_rows

BLOCK = 2048  # rows per block: 17 MB at 2048 dimensions, and at most 100 MB with its float64 copies


def unit_blocks(embedding: np.ndarray, size: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields rows and their vectors of length 1, float32, block by block.

    Raises:
        ValueError: Some vectors are not finite; names their number and the first row.
    """
    for start in range(0, len(embedding), size):
        block = embedding[start : start + size]
        if not np.isfinite(block).all():
            raise ValueError(_describe_not_finite(embedding, start))
        yield slice(start, start + len(block)), unit_rows(block)


def draw_even_rows(count: int, sample: int, seed: int) -> np.ndarray:
    """Draws one row from each of `sample` equal stretches of `count` rows, so that every part is represented.

    Returns:
        Row indices, (min(sample, count),) int64, ascending; the same for the same seed.
    """
    if sample >= count:
        return np.arange(count)
    edges = np.linspace(0, count, sample + 1).astype(np.int64)
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:])


def _describe_not_finite(embedding: np.ndarray, start: int) -> str:
    """Describes the vectors that are not finite, given that all before row `start` are."""
    blocks = range(start, len(embedding), BLOCK)
    bad = np.concatenate([row + np.flatnonzero(~np.isfinite(embedding[row : row + BLOCK]).all(1)) for row in blocks])
    return f"{len(bad)} of {len(embedding)} embeddings are NaN or infinite, the first in row {bad[0]}"
