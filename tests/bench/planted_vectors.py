"""Vectors that fall into planted clusters, as many as the disk holds, and as an encoder spreads them."""

from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

CLUSTERS = 25
# of a vector's square: common to all (in trained ResNet50s 0.46 to 0.94), of its cluster, its own
SHARES = (0.5, 0.35, 0.15)
FALL = 1.4  # the own variance of direction j goes as j^-1.4; embeddings of trained ResNet50s had 1.4 to 1.9
ROWS = 8192  # written at once


def write_planted(folder: Path, count: int, width: int, seed: int = 0) -> Path:
    """`vectors.npy` (count, width), float32, unit rows in random order of clusters, and their `labels.npy` (count,).

    The directions are those of the axes: an index that begins with principal directions sees no difference.
    """
    generator = np.random.default_rng(seed)
    common, *centres = (one / np.linalg.norm(one) for one in generator.standard_normal((1 + CLUSTERS, width)))
    spread = np.arange(1, width + 1) ** (-FALL / 2)
    spread *= np.sqrt(SHARES[2]) / np.linalg.norm(spread)
    means = (np.sqrt(SHARES[0]) * common + np.sqrt(SHARES[1]) * np.stack(centres)).astype(np.float32)
    label = generator.integers(CLUSTERS, size=count)
    vectors = open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(count, width))
    for start in range(0, count, ROWS):
        part = label[start : start + ROWS]
        block = generator.standard_normal((len(part), width), dtype=np.float32)
        block *= spread.astype(np.float32)
        block += means[part]
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        vectors[start : start + ROWS] = block
    vectors.flush()
    np.save(folder / "labels.npy", label)
    return folder
