import numpy as np
import pytest

from analysis.measures.variance_split import VarianceSplit, tabulate

CONTENTS, GROUPS, WIDTH = 6, 5, 4
GENERATOR = np.random.default_rng(1)


def split_of(degradation: float, content: float, both: float) -> dict[str, float]:
    parts = (
        degradation * GENERATOR.normal(size=(1, GROUPS, WIDTH)),
        content * GENERATOR.normal(size=(CONTENTS, 1, WIDTH)),
        both * GENERATOR.normal(size=(CONTENTS, GROUPS, WIDTH)),
    )
    return VarianceSplit(7.0 + sum(parts, np.zeros((CONTENTS, GROUPS, WIDTH)))).shares()


def reference(table: np.ndarray) -> tuple[float, float]:
    """Sums of squares as a text book has them."""
    grand = table.mean((0, 1))
    total = ((table - grand) ** 2).sum()
    degradation = len(table) * ((table.mean(0) - grand) ** 2).sum()
    content = table.shape[1] * ((table.mean(1) - grand) ** 2).sum()
    return degradation / total, content / total


def test_known_answers():
    assert split_of(1, 0, 0) == pytest.approx({"degradation": 1, "content": 0, "interaction": 0}, abs=1e-9)
    assert split_of(0, 1, 0) == pytest.approx({"degradation": 0, "content": 1, "interaction": 0}, abs=1e-9)
    noise = VarianceSplit(GENERATOR.normal(size=(40, 30, 50))).shares()
    assert noise["degradation"] == pytest.approx(1 / 40, abs=0.01)
    assert noise["content"] == pytest.approx(1 / 30, abs=0.01)


def test_chance_is_the_mean_over_all_orders_of_the_samples():
    samples = GENERATOR.normal(size=(CONTENTS * GROUPS, WIDTH)) + 2
    shuffles = [samples[GENERATOR.permutation(len(samples))] for _ in range(2000)]
    found = [VarianceSplit(one.reshape(CONTENTS, GROUPS, WIDTH)).shares() for one in shuffles]
    for share, chance in VarianceSplit(samples.reshape(CONTENTS, GROUPS, WIDTH)).chance().items():
        assert np.mean([one[share] for one in found]) == pytest.approx(chance, abs=0.005), share


def test_weights_count_contents_as_often_as_they_say():
    table = GENERATOR.normal(size=(CONTENTS, GROUPS, WIDTH))
    weights = np.array([2, 0, 1, 1, 0, 3])
    shares = VarianceSplit(table).shares(weights)
    assert (shares["degradation"], shares["content"]) == pytest.approx(reference(table.repeat(weights, axis=0)))
    assert sum(shares.values()) == pytest.approx(1)


def test_a_collapsed_embedding_has_no_variance_to_split():
    assert np.isnan(list(VarianceSplit(np.ones((3, 4, 2))).shares().values())).all()


def test_the_table_is_in_order_whatever_the_order_of_the_samples():
    label, content = np.tile(np.arange(3), 4), np.arange(4).repeat(3)
    embedding = np.stack((content, label), 1).astype(float)
    shuffle = GENERATOR.permutation(12)
    table = tabulate(embedding[shuffle], label[shuffle], content[shuffle])
    assert (table[2, 1] == (2, 1)).all()


def test_a_table_with_holes_is_refused():
    with pytest.raises(ValueError, match="3 samples do not cross 2 contents with 2 degradations"):
        tabulate(np.ones((3, 1)), np.array([0, 1, 0]), np.array([0, 0, 1]))
