import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from analysis.measures.neighbour_order import chance_average_precision, rank_neighbours

GENERATOR = np.random.default_rng(0)
LABEL = np.arange(4).repeat(15)
IMAGE = np.tile(np.arange(5).repeat(3), 4)
PARAMETERS = GENERATOR.normal(size=(60, 2))


def noisy(strength: float = 1.0) -> np.ndarray:
    return np.eye(4)[LABEL] @ GENERATOR.normal(size=(4, 8)) + strength * GENERATOR.normal(size=(60, 8))


def cosine(embedding: np.ndarray) -> np.ndarray:
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    return unit @ unit.T


def test_against_scikit_learn_and_scipy():
    embedding = noisy()
    found = rank_neighbours(embedding, LABEL, IMAGE, PARAMETERS)
    similarity = cosine(embedding.astype(np.float32).astype(np.float64))
    for i in range(60):
        other = IMAGE[i] != IMAGE
        own = LABEL[i] == LABEL
        expected = average_precision_score(own[other], similarity[i, other])
        assert found.average_precision[i] == pytest.approx(expected, abs=1e-6)
        for group in range(4):
            pair = other & (own | (group == LABEL))
            if group == LABEL[i]:
                assert np.isnan(found.separation[i, group])
            else:
                expected = roc_auc_score(own[pair], similarity[i, pair])
                assert found.separation[i, group] == pytest.approx(expected, abs=1e-6)
        distance = np.linalg.norm(PARAMETERS[other] - PARAMETERS[i], axis=1)
        assert found.rank_correlation[i] == pytest.approx(spearmanr(distance, -similarity[i, other])[0], abs=1e-6)
        either = (own & other) | (~own & ~other)
        assert found.degradation_first[i] == pytest.approx(roc_auc_score(own[either], similarity[i, either]), abs=1e-6)


def test_known_answers():
    of_degradation = rank_neighbours(np.eye(4)[LABEL], LABEL, IMAGE, PARAMETERS)
    assert (of_degradation.average_precision == 1).all()
    assert (of_degradation.degradation_first == 1).all()
    assert np.nanmin(of_degradation.separation) == 1
    of_content = rank_neighbours(np.eye(5)[IMAGE], LABEL, IMAGE, PARAMETERS)
    assert (of_content.degradation_first == 0).all()
    assert np.nanmin(of_content.separation) == np.nanmax(of_content.separation) == 0.5


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_collapsed_embedding_scores_exactly_as_chance(length):
    embedding = length * np.outer(GENERATOR.uniform(1, 9, 60), GENERATOR.normal(size=7))  # one direction only
    found = rank_neighbours(embedding, LABEL, IMAGE, PARAMETERS)
    other = LABEL[:, None] != np.arange(4)
    assert (found.separation[other] == 0.5).all()
    assert (found.degradation_first == 0.5).all()
    assert (found.rank_correlation == 0).all()
    assert found.average_precision.mean() == pytest.approx(chance_average_precision(LABEL, IMAGE), rel=1e-9)


def test_equally_near_samples_score_the_mean_over_their_orders():
    coarse = np.eye(3)[GENERATOR.integers(3, size=60)]
    found = rank_neighbours(coarse, LABEL, IMAGE, PARAMETERS)
    similarity = coarse @ coarse.T
    for i in range(0, 60, 17):
        other = IMAGE[i] != IMAGE
        own = LABEL[i] == LABEL
        orders = similarity[i] + 1e-3 * GENERATOR.uniform(size=(600, 60))
        expected = np.mean([average_precision_score(own[other], one[other]) for one in orders])
        assert found.average_precision[i] == pytest.approx(expected, abs=0.025)
        group = (LABEL[i] + 1) % 4
        pair = other & (own | (group == LABEL))
        assert found.separation[i, group] == pytest.approx(roc_auc_score(own[pair], similarity[i, pair]))
        distance = np.linalg.norm(PARAMETERS[other] - PARAMETERS[i], axis=1)
        assert found.rank_correlation[i] == pytest.approx(spearmanr(distance, -similarity[i, other])[0])


def test_chance_of_average_precision_is_that_of_random_embeddings():
    keep = GENERATOR.permutation(60)[:40]  # unequal groups
    label, image = LABEL[keep], IMAGE[keep]
    found = [
        np.nanmean(rank_neighbours(GENERATOR.normal(size=(40, 30)), label, image, np.empty((40, 0))).average_precision)
        for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(chance_average_precision(label, image), abs=0.005)
    assert np.isnan(chance_average_precision(np.arange(5), np.arange(5)))


def test_the_order_of_parameters_is_nothing_where_they_are_equal():
    found = rank_neighbours(noisy(), LABEL, IMAGE, np.ones((60, 1)))
    assert np.isnan(found.rank_correlation).all()


def test_a_parameter_that_is_the_embedding_is_in_order():
    angle = np.linspace(0, 1, 60)
    found = rank_neighbours(np.stack((np.cos(angle), np.sin(angle)), 1), LABEL, IMAGE, angle[:, None])
    assert found.rank_correlation.min() > 0.998  # but for ties


def test_without_labels_only_the_order_of_parameters_is_measured():
    found = rank_neighbours(noisy(), np.full(60, -1), IMAGE, PARAMETERS)
    assert np.isfinite(found.rank_correlation).all()
    assert np.isnan(found.average_precision).all()
    assert found.separation.shape == (60, 0)


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="1 of 60 embeddings are NaN"):
        rank_neighbours(np.where(np.arange(60)[:, None] == 3, np.nan, 1.0) * np.ones((60, 2)), LABEL, IMAGE, PARAMETERS)
