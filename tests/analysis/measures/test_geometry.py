import math
import tracemalloc

import numpy as np
import pytest
import torch

from analysis.measures.geometry import (
    EffectiveRank,
    Norms,
    Uniformity,
    alignment_per_sample,
    contrastive_floor,
    estimate_information,
)
from shared.training.monitors import effective_rank, uniformity

GENERATOR = np.random.default_rng(2)
IMAGE = np.arange(5).repeat(8)


def test_uniformity_and_rank_are_those_of_training_monitors():
    embedding = GENERATOR.normal(size=(40, 12)) + 1
    tensor = torch.from_numpy(embedding)
    assert Uniformity(embedding, IMAGE).value() == pytest.approx(float(uniformity(tensor)), abs=1e-5)
    assert EffectiveRank(embedding, IMAGE).value() == pytest.approx(float(effective_rank(tensor)), rel=1e-4)


@pytest.mark.parametrize("width", [6, 100])
def test_weights_count_images_as_often_as_they_say(width):
    embedding = GENERATOR.normal(size=(40, width))
    weights = np.array([1, 0, 2, 1, 1])
    rows = np.concatenate([np.flatnonzero(one == IMAGE) for one in (0, 2, 2, 3, 4)])
    expected = float(effective_rank(torch.from_numpy(embedding[rows])))
    assert EffectiveRank(embedding, IMAGE).weighted(weights) == pytest.approx(expected, rel=1e-4)
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    pairs = [(i, j) for one in (0, 2, 3, 4) for i in np.flatnonzero(one == IMAGE) for j in range(40) if i != j]
    count = weights[IMAGE]
    total = sum(count[i] * count[j] for i, j in pairs)
    potential = sum(count[i] * count[j] * math.exp(-2 * ((unit[i] - unit[j]) ** 2).sum()) for i, j in pairs)
    assert Uniformity(embedding, IMAGE).value(weights) == pytest.approx(math.log(potential / total), rel=0.05)


def test_alignment_is_over_other_images_of_one_degradation():
    label = np.tile(np.arange(2), 20)
    assert alignment_per_sample(np.eye(2)[label], label, IMAGE) == pytest.approx(np.zeros(40), abs=1e-6)
    embedding = GENERATOR.normal(size=(40, 3))
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    others = (label == label[5]) & (IMAGE[5] != IMAGE)
    expected = ((unit[others] - unit[5]) ** 2).sum(1).mean()
    assert alignment_per_sample(embedding, label, IMAGE)[5] == pytest.approx(expected, rel=1e-5)


def test_a_weighting_without_a_pair_has_no_uniformity():
    of_two = Uniformity(GENERATOR.normal(size=(2, 3)), np.arange(2))
    assert math.isfinite(of_two.value())
    assert math.isnan(of_two.value(np.array([2, 0])))


def test_uniformity_holds_no_square_of_the_samples():
    embedding = GENERATOR.normal(size=(3000, 4))
    tracemalloc.start()
    Uniformity(embedding, np.arange(3000) % 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000**2 * 8 / 2


@pytest.mark.filterwarnings("error")
def test_samples_that_are_zero_coincide():
    rank = EffectiveRank(np.zeros((40, 12)), IMAGE)
    assert rank.value() == rank.weighted(np.ones(5)) == 1


def test_norms():
    found = Norms(np.array([[3.0, 4.0], [6.0, 8.0]]), np.array([0, 1]))
    assert (found.mean(), found.spread()) == pytest.approx((7.5, 1 / 3))
    thrice = np.array([5.0, 5.0, 5.0, 10.0])
    assert found.mean(np.array([3, 1])) == pytest.approx(thrice.mean())
    assert found.spread(np.array([3, 1])) == pytest.approx(thrice.std() / thrice.mean())


def test_the_floor_of_one_parameter_that_both_views_read_with_an_error():
    """8192 keys, a range of 3.8 read with an error of 0.1: about 7.1 nats."""
    target = GENERATOR.uniform(0, 3.8, (200_000, 1))
    prediction = target + GENERATOR.normal(0, 0.1, target.shape)
    information = estimate_information(target, prediction)
    assert information == pytest.approx(math.log(3.8 / math.sqrt(12) / 0.1) - 0.5 * math.log(2), abs=0.02)
    assert contrastive_floor(8192, information) == pytest.approx(7.1, abs=0.25)


def test_two_noisy_readings_of_one_parameter_share_the_information_of_their_correlation():
    truth = GENERATOR.normal(size=(400_000, 1))
    first, second = (truth + GENERATOR.normal(0, 0.8, truth.shape) for _ in range(2))
    correlation = np.corrcoef(first[:, 0], second[:, 0])[0, 1]
    best = first / (1 + 0.8**2)  # what a probe predicts from the first reading
    assert estimate_information(truth, best) == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.01)
    both = np.concatenate([truth, GENERATOR.permutation(truth)], axis=1)
    blind_to_one = np.concatenate([best, np.zeros_like(best)], axis=1)
    assert estimate_information(both, blind_to_one) == pytest.approx(estimate_information(truth, best), abs=0.01)


def test_parameters_that_vary_together_count_once():
    target = GENERATOR.normal(size=(5000, 2))
    prediction = 0.8 * target + 0.3 * GENERATOR.normal(size=target.shape)
    alone = estimate_information(target, prediction)
    mixed = np.array([[1, 0, 2, -0.4, 30], [0, 1, 0, 0.7, -50]])
    assert estimate_information(target @ mixed, prediction @ mixed) == pytest.approx(alone, rel=1e-6)
    nearly = target @ mixed + 1e-6 * GENERATOR.normal(size=(5000, 5))
    assert estimate_information(nearly, prediction @ mixed) == pytest.approx(alone, rel=1e-3)


@pytest.mark.parametrize(("rows", "parameters"), [(2, 1), (2, 4), (3, 3), (4, 6)])
def test_no_more_degradations_than_parameters(rows, parameters):
    """A list of degradations spans one direction less than it has rows."""
    free = min(rows - 1, parameters)
    target = np.tile(GENERATOR.normal(size=(rows, free)), (40, 1))
    prediction = 0.7 * target + 0.2 * GENERATOR.normal(size=target.shape)
    mixed = GENERATOR.normal(size=(free, parameters))
    found = estimate_information(target @ mixed, prediction @ mixed)
    assert found == pytest.approx(estimate_information(target, prediction), rel=1e-6)
    assert 0 < found < 2 * free


def test_a_list_of_degradations_has_at_most_the_entropy_of_its_index():
    target = np.tile(GENERATOR.normal(size=(8, 4)), (40, 1))
    assert estimate_information(target, target) == pytest.approx(math.log(8))
    assert estimate_information(target, target + 0.01 * GENERATOR.normal(size=target.shape)) == pytest.approx(
        math.log(8)
    )


def test_constant_parameters_carry_no_information():
    target = GENERATOR.normal(size=(50, 1))
    constant = np.full((50, 1), 0.1)
    assert estimate_information(constant, constant + target) == 0
    beside = estimate_information(np.concatenate([target, constant], 1), np.concatenate([0.7 * target, target], 1))
    assert beside == pytest.approx(estimate_information(target, 0.7 * target))


def test_what_reads_nothing_shares_nothing():
    target = GENERATOR.normal(size=(5000, 2))
    assert estimate_information(target, np.zeros_like(target)) == pytest.approx(0, abs=1e-12)
    assert contrastive_floor(10, 0) == pytest.approx(math.log(11))
    assert contrastive_floor(1, 9) == 0
