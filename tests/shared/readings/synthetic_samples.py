"""Samples whose features are known functions of the degradation, with some noise."""

import numpy as np

from shared.readings.quantities import DEFOCUS, KINDS, MOTION, OBLONG, RESCALED, SHARP
from shared.readings.samples import QUANTITY_NAMES, Samples
from shared.readings.windows import LOG_WINDOWS


def draw_synthetic(count: int, seed: int, *, noise: float = 0.05, features: int = 24) -> Samples:
    """Draws samples of all kinds; a third is left out."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(len(KINDS), size=count)
    width = np.where(kind == SHARP, 0, np.exp(generator.uniform(np.log(0.5), np.log(4), count)))
    length = np.exp(generator.uniform(np.log(3), np.log(28), count))
    level = np.where(generator.random(count) < 0.5, 0, generator.uniform(1, 30, count))
    quality = np.where(generator.random(count) < 0.5, 100, generator.uniform(10, 95, count))
    angle = generator.uniform(0, 180, count)
    is_long = (kind == OBLONG) | (kind == MOTION)
    twice = np.radians(2 * angle)
    columns = [
        *np.eye(len(KINDS))[kind].T,
        np.log(width + 0.3),
        np.where(kind == MOTION, np.log(length), 0),
        np.log(level + 1),
        quality / 30,
        np.where(is_long, np.sin(twice), 0),
        np.where(is_long, np.cos(twice), 0),
    ]
    mix = np.random.default_rng(7).normal(size=(len(columns), features))
    vectors = np.stack(columns, 1) @ mix
    vectors = vectors + noise * generator.normal(size=vectors.shape)
    vectors[:, LOG_WINDOWS] = np.log(generator.choice([1, 16], count))
    values = (
        np.where((kind == MOTION) | (kind == RESCALED), np.nan, width),
        np.where(kind == MOTION, length, np.nan),
        level,
        quality,
        np.where(is_long, angle, np.nan),
    )
    assert DEFOCUS in kind
    quantities = dict(zip(QUANTITY_NAMES, values, strict=True))
    return Samples(vectors.astype(np.float32), np.arange(count) % 3 == 0, kind, quantities)
