import numpy as np
import pytest

from shared.probing import bootstrap_over_images, image_weights, percentile_interval, recentre


def test_interval_is_that_of_the_image_means():
    """Patches that repeat their image's value add nothing: the spread is that of 40 images, not of 4000."""
    values = np.random.default_rng(0).normal(size=40)
    image = np.repeat(np.arange(40), 100)
    low, high = percentile_interval(
        bootstrap_over_images(lambda drawn: values[image][drawn].mean(), image, repeats=2000)
    )
    error = values.std() / 40**0.5
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_covers_the_truth_at_the_nominal_rate():
    generator = np.random.default_rng(0)
    image = np.repeat(np.arange(30), 3)
    covered = 0
    for trial in range(200):
        sample = generator.normal(size=30)[image] + generator.normal(size=90)
        draws = bootstrap_over_images(lambda drawn: sample[drawn].mean(), image, 200, trial)  # noqa: B023
        low, high = percentile_interval(draws)
        covered += low <= 0 <= high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize("images", [3, 8])
def test_covers_the_truth_over_few_images_too(images):
    generator = np.random.default_rng(0)
    narrow, wide = 0, 0
    weights = [image_weights(images, 300, seed) for seed in range(50)]
    for trial in range(1000):
        values = generator.normal(size=images)
        draws = weights[trial % len(weights)] @ values / images
        low, high = percentile_interval(draws)
        narrow += low <= 0 <= high
        low, high = percentile_interval(draws, images)
        wide += low <= 0 <= high
    assert narrow / 1000 < 0.91
    assert 0.92 <= wide / 1000 <= 0.97


def test_few_images_widen_the_interval_about_its_median():
    draws = np.concatenate([np.linspace(0, 1, 501), np.linspace(1, 3, 501)[1:]])
    low, high = percentile_interval(draws)
    factor = 2.364624 / 1.96 * (8 / 7) ** 0.5  # Student's t of 7 degrees of freedom, from a table
    assert percentile_interval(draws, 8) == pytest.approx((1 - factor * (1 - low), 1 + factor * (high - 1)), rel=1e-6)
    assert percentile_interval(draws, 100_000) == pytest.approx((low, high), rel=1e-3)
    assert percentile_interval(draws, 3, limits=(0, 5)) == (0, 5)
    assert np.isnan(percentile_interval(draws, 1)).all()


def test_weights_are_those_of_the_draws():
    image = np.arange(7).repeat(3)
    values = np.random.default_rng(1).normal(size=21)
    draws = bootstrap_over_images(lambda drawn: values[drawn].mean(), image, 40, seed=5)
    weights = image_weights(7, 40, seed=5)
    assert (weights.sum(1) == 7).all()
    assert weights @ values.reshape(7, 3).mean(1) / 7 == pytest.approx(draws)
    assert image_weights(7, 0).shape == (0, 7)


def test_whole_images_are_drawn():
    image = np.array([7, 3, 3, 3, 7, 9])
    seen = []
    bootstrap_over_images(lambda drawn: seen.append(drawn) or 0.0, image, repeats=50)
    for drawn in seen:
        counts = np.bincount(drawn, minlength=6)
        assert counts[0] == counts[4]
        assert counts[1] == counts[2] == counts[3]
        assert counts[0] + counts[1] + counts[5] == 3
    assert len({tuple(drawn) for drawn in seen}) > 1


def test_same_seed_same_draws():
    image = np.repeat(np.arange(10), 5)
    sample = np.random.default_rng(0).normal(size=50)

    def draws(seed: int) -> list[float]:
        return bootstrap_over_images(lambda drawn: sample[drawn].mean(), image, 100, seed).tolist()

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


def test_no_score_no_interval():
    image = np.arange(4)
    assert np.isnan(percentile_interval(bootstrap_over_images(lambda drawn: float("nan"), image))).all()
    assert np.isnan(percentile_interval(bootstrap_over_images(lambda drawn: 1.0, image, repeats=0))).all()


def test_recentred_draws_have_the_score_as_their_mean():
    draws = np.array([0.5, np.nan, 0.7])
    assert np.nanmean(recentre(draws, 0.4)) == pytest.approx(0.4)
    assert np.ptp(recentre(draws, 0.4)[[0, 2]]) == pytest.approx(0.2)
    assert np.isnan(recentre(np.full(3, np.nan), 0.4)).all()
    assert len(recentre(np.empty(0), 0.4)) == 0
