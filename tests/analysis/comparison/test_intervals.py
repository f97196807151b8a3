import math

import numpy as np
import pytest

from analysis.comparison.intervals import correct_for_several, estimate_mean, estimate_ratio


def draw(generator: np.random.Generator, seeds: int, images: int, spreads: tuple[float, float, float]) -> np.ndarray:
    of_seeds, of_images, of_rest = spreads
    return (
        of_seeds * generator.normal(size=(seeds, 1))
        + of_images * generator.normal(size=(1, images))
        + of_rest * generator.normal(size=(seeds, images))
    )


@pytest.mark.parametrize("spreads", [(0, 1, 1), (1, 1, 1), (0, 0, 1), (1, 0.1, 0.1)])
def test_intervals_hold_the_true_mean_over_seeds_and_images(spreads):
    generator, held, trials = np.random.default_rng(0), 0, 1000
    for _ in range(trials):
        found = estimate_mean(draw(generator, 3, 40, spreads))
        held += found.low <= 0 <= found.high
    assert 0.91 < held / trials < 0.985


def test_the_variance_is_that_of_two_crossed_factors():
    values = draw(np.random.default_rng(1), 4, 30, (1, 1, 1))
    seeds, images = values.shape
    rows, columns, mean = values.mean(1), values.mean(0), values.mean()
    squares = [
        images * ((rows - mean) ** 2).sum() / (seeds - 1),
        seeds * ((columns - mean) ** 2).sum() / (images - 1),
        ((values - rows[:, None] - columns + mean) ** 2).sum() / ((seeds - 1) * (images - 1)),
    ]
    error = math.sqrt((squares[0] + squares[1] - squares[2]) / (seeds * images))
    found = estimate_mean(values)
    assert found.mean == pytest.approx(mean)
    assert 1.96 * error < found.high - found.mean < 3.2 * error  # the quantiles of t with infinite and 3 degrees


def test_one_seed_has_no_interval_and_one_column_counts_the_seeds_alone():
    assert math.isnan(estimate_mean(np.ones((1, 40))).low)
    found = estimate_mean(np.array([[1.0], [2.0], [3.0]]))
    assert found.high - found.mean == pytest.approx(4.3027 * 1 / math.sqrt(3), rel=1e-4)  # t(0.975, 2)
    assert estimate_mean(np.full((3, 4), 2.0)).low == 2


def test_a_ratio_of_sums():
    generator = np.random.default_rng(2)
    whole = generator.uniform(1, 3, size=(3, 40))
    part = 0.6 * whole + 0.1 * generator.normal(size=whole.shape)
    found = estimate_ratio(part, whole)
    assert found.mean == pytest.approx(part.sum() / whole.sum())
    assert found.low < 0.6 < found.high < found.low + 0.1
    assert math.isnan(estimate_ratio(part, np.zeros_like(part)).mean)


def test_probabilities_are_corrected_for_their_number():
    assert correct_for_several([0.01, math.nan, 0.04, 0.03]) == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)
    assert correct_for_several([0.9, 0.8]) == [1, 1]
    assert correct_for_several([]) == []
