import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from analysis.neighbour_order import neighbour_order

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
    found = neighbour_order(embedding, LABEL, IMAGE, PARAMETERS)
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
    of_degradation = neighbour_order(np.eye(4)[LABEL], LABEL, IMAGE, PARAMETERS)
    assert (of_degradation.average_precision == 1).all()
    assert (of_degradation.degradation_first == 1).all()
    assert np.nanmin(of_degradation.separation) == 1
    of_content = neighbour_order(np.eye(5)[IMAGE], LABEL, IMAGE, PARAMETERS)
    assert (of_content.degradation_first == 0).all()
    assert np.nanmean(of_content.separation) == pytest.approx(0.5, abs=0.05)
    collapsed = neighbour_order(np.ones((60, 3)), LABEL, IMAGE, PARAMETERS)
    assert np.nanmean(collapsed.separation) == pytest.approx(0.5, abs=0.05)
    assert np.nanmean(collapsed.average_precision) == pytest.approx(0.25, abs=0.08)
    assert (collapsed.degradation_first == 0.5).all()
    assert np.nanmean(collapsed.rank_correlation) == pytest.approx(0, abs=0.1)


def test_a_parameter_that_is_the_embedding_is_in_order():
    angle = np.linspace(0, 1, 60)
    found = neighbour_order(np.stack((np.cos(angle), np.sin(angle)), 1), LABEL, IMAGE, angle[:, None])
    assert found.rank_correlation.min() > 0.998  # but for ties


def test_without_labels_only_the_order_of_parameters_is_told():
    found = neighbour_order(noisy(), np.full(60, -1), IMAGE, PARAMETERS)
    assert np.isfinite(found.rank_correlation).all()
    assert np.isnan(found.average_precision).all()
    assert found.separation.shape == (60, 0)


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="1 of 60 embeddings are NaN"):
        neighbour_order(np.where(np.arange(60)[:, None] == 3, np.nan, 1.0) * np.ones((60, 2)), LABEL, IMAGE, PARAMETERS)
