"""Embeddings read block by block, and rows drawn evenly."""

import numpy as np
import pytest

from analysis.embedding.blocks import BLOCK, draw_even_rows, unit_blocks
from shared.probing import unit_rows


def embedding(rows: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)


def test_rows_are_drawn_evenly():
    rows = draw_even_rows(10_007, 100, seed=2)
    assert np.array_equal(np.histogram(rows, np.linspace(0, 10_007, 101).astype(int))[0], np.ones(100))
    assert np.array_equal(rows, draw_even_rows(10_007, 100, seed=2))
    assert not np.array_equal(rows, draw_even_rows(10_007, 100, seed=3))
    assert np.array_equal(draw_even_rows(5, 9, seed=0), np.arange(5))


def test_blocks_cover_all_rows():
    values = embedding(2 * BLOCK + 3)
    assert np.array_equal(np.concatenate([unit for _, unit in unit_blocks(values)]), unit_rows(values))


def test_vectors_that_are_not_finite_are_counted_and_refused():
    values = embedding(6000)
    values[[2500, 2501, 5999], 3] = np.nan, np.inf, -np.inf
    with pytest.raises(ValueError, match=r"^3 of 6000 embeddings are NaN or infinite, the first in row 2500$"):
        list(unit_blocks(values))
