"""Reading an embedding that is larger than memory: block by block, or rows drawn evenly from all of it."""

from collections.abc import Iterator

import numpy as np

from shared.probing import unit_rows

BLOCK = 2048  # rows read at once: of 2048 dimensions 17 MB, and at most 100 MB with the copies made in float64


def unit_blocks(embedding: np.ndarray, size: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows and their vectors of length 1, float32, block by block.

    Raises:
        ValueError: some vectors are not finite; says how many of all and where the first is.
    """
    for start in range(0, len(embedding), size):
        block = embedding[start : start + size]
        if not np.isfinite(block).all():
            raise ValueError(_not_finite(embedding, start))
        yield slice(start, start + len(block)), unit_rows(block)


def even_rows(count: int, sample: int, seed: int) -> np.ndarray:
    """One row drawn from each of `sample` equal stretches of `count` rows: every part of the file has its share.

    Returns:
        (min(sample, count),) int64, ascending; the same for the same seed.
    """
    if sample >= count:
        return np.arange(count)
    edges = np.linspace(0, count, sample + 1).astype(np.int64)
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:])


def _not_finite(embedding: np.ndarray, start: int) -> str:
    """What is said of an embedding that is finite before row `start`."""
    blocks = range(start, len(embedding), BLOCK)
    bad = np.concatenate([one + np.flatnonzero(~np.isfinite(embedding[one : one + BLOCK]).all(1)) for one in blocks])
    return f"{len(bad)} of {len(embedding)} embeddings are NaN or infinite, the first in row {bad[0]}; none may be"
