import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

from analysis.measures.score_table import differences_of, rows_of
from analysis.measures.scores import MORE_IS_BETTER, Scores, score
from shared.encoders import degradation_statistics
from shared.files import without_nan
from shared.probing.measures import spherical_kmeans
from tests.analysis.small_probe import small_probe

GENERATOR = np.random.default_rng(0)
STEPS = "steps: [{gaussian: {sigma: [0.3, 3]}}, {quantize: {}}]"


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    return small_probe(tmp_path_factory.mktemp("probe"), size=96, images=8)


@pytest.fixture(scope="module")
def statistics(probe):
    return degradation_statistics(probe.patches(slice(0, len(probe))).float().div(255)).numpy()


def near(centres: np.ndarray) -> np.ndarray:
    return centres + 1e-3 * GENERATOR.normal(size=centres.shape)


def test_perfect(probe):
    found = score(near(np.eye(3)[probe.label]), probe, repeats=20).values
    for name in ("knn_accuracy", "nmi", "ari", "purity", "map", "separation", "degradation_first", "family_accuracy"):
        assert found[name] == pytest.approx(1), name
    assert found["silhouette"] > 0.99
    assert found["degradation_share"] > 0.99
    assert found["content_knn"] < 0.4
    assert found["alignment"] < 1e-4
    assert found["r2/log_sigma"] > 0.99


def test_content_only(probe):
    scores = score(near(np.eye(32)[probe.content]), probe, repeats=20)
    found, chance = scores.values, scores.chance
    assert found["content_share"] > 0.99
    assert found["separation"] == pytest.approx(0.5, abs=0.06)
    assert found["knn_accuracy"] == pytest.approx(chance["knn_accuracy"], abs=0.15)
    of_image = score(near(np.eye(8)[probe.image.numpy()]), probe, repeats=5).values
    assert of_image["content_knn"] == 1
    assert of_image["degradation_first"] < 0.01


def test_random(probe):
    scores = score(GENERATOR.normal(size=(len(probe), 20)), probe, repeats=20)
    for name, chance in scores.chance.items():
        if not name.startswith("r2/"):  # a probe that reads nothing may do worse than the mean
            assert scores.values[name] == pytest.approx(chance, abs=0.17), name
    for name in ("degradation_share", "content_share", "interaction_share", "map"):
        assert scores.values[name] == pytest.approx(scores.chance[name], abs=0.05), name
    assert scores.values["r2/log_sigma"] < 0.2
    assert scores.values["silhouette"] == pytest.approx(0, abs=0.05)


def test_collapsed(probe):
    scores = score(np.full((len(probe), 5), 0.3), probe, repeats=5)
    assert "collapsed" in scores.notes[0]
    assert scores.values["separation"] == 0.5
    assert scores.values["map"] == pytest.approx(scores.chance["map"])
    assert scores.values["effective_rank"] == pytest.approx(1)
    assert np.isnan(scores.values["degradation_share"])
    json.dumps(without_nan(scores.to_dict()), allow_nan=False)


def test_clusters_are_scored_as_scikit_learn_does(probe, statistics):
    scores = score(statistics, probe, repeats=0)
    cluster = spherical_kmeans(statistics, 3, 0)
    assert scores.values["nmi"] == pytest.approx(normalized_mutual_info_score(probe.label, cluster))
    assert scores.values["ari"] == pytest.approx(adjusted_rand_score(probe.label, cluster))
    expected = silhouette_score(statistics, probe.label, metric="cosine")
    assert scores.values["silhouette"] == pytest.approx(expected, abs=1e-4)
    assert np.mean(list(scores.silhouette.values())) == pytest.approx(expected, abs=1e-4)  # as many samples of each


@pytest.mark.filterwarnings("error")
def test_zeros_are_scored_without_a_warning(probe):
    assert score(np.zeros((len(probe), 5)), probe, repeats=5).values["rank_correlation"] == 0


@pytest.mark.parametrize(
    "written",
    [
        "[{gaussian: {sigma: 0.3}}, {quantize: {}}]",
        "[{motion: {length: 5, theta: 0}}, {quantize: {}}]",
    ],
)
def test_parameters_that_vary_together(tmp_path, written):
    other = "[{gaussian: {sigma: 2}}, {gaussian_noise: {noise_sigma: 10/255}}, {jpeg: {quality: 40}}, {quantize: {}}]"
    rows = f"rows:\n  - {{name: a, steps: {written}}}\n  - {{name: b, steps: {other}}}\n"
    probe = small_probe(tmp_path, written=rows, size=64, images=8)
    scores = score(near(np.eye(2)[probe.label]), probe, repeats=20)
    low, high = scores.interval("information")
    assert 0 <= low <= scores.values["information"] <= high
    assert scores.values["information"] == pytest.approx(np.log(2))  # one direction, read well: which of the two


@pytest.mark.parametrize("kind", ["statistics", "random"])
def test_every_score_says_whether_more_is_better_and_has_an_interval_around_it(probe, statistics, kind):
    random = np.random.default_rng(4).normal(size=(len(probe), 40))
    scores = score(statistics if kind == "statistics" else random, probe, repeats=200)
    without_side = {"norm_mean", "norm_spread"}
    assert {name for name in scores.values if not name.startswith("r2/")} - without_side == MORE_IS_BETTER.keys()
    for name, value in scores.values.items():
        low, high = scores.interval(name)
        assert low <= value <= high, name
        assert low < high or kind == "random", name


def test_two_embeddings_are_compared_over_the_same_images(probe, statistics):
    good, bad = score(near(np.eye(3)[probe.label]), probe, repeats=50), score(statistics, probe, repeats=50)
    difference, low, high = good.ahead_of(bad, "separation")
    assert difference == pytest.approx(good.values["separation"] - bad.values["separation"])
    assert 0 < low <= difference <= high
    assert good.ahead_of(good, "nmi") == (0, 0, 0)


def test_few_images_widen_intervals_within_what_a_score_can_be(probe, statistics):
    scores = score(statistics, probe, repeats=100)
    assert scores.images == 8
    without = dataclasses.replace(scores, images=None)
    for name in ("separation", "r2/log_sigma", "uniformity"):
        low, high = scores.interval(name)
        assert low < without.interval(name)[0], name
        assert high > without.interval(name)[1], name
    two = dataclasses.replace(scores, images=2)
    assert two.interval("purity")[1] == 1
    assert two.interval("effective_rank")[0] == 1
    difference = score(near(np.eye(3)[probe.label]), probe, repeats=100)
    assert difference.ahead_of(scores, "map")[1] < difference.ahead_of(without, "map")[0]


def plain(values: dict[str, float], draws: dict[str, np.ndarray]) -> Scores:
    return Scores(values, draws, {"map": 0.1}, {"a": 0.5, "b": np.nan, "c": -0.1}, np.empty((0, 0)), {})


def test_the_table_calls_real_what_its_interval_says():
    values = {"map": 0.5, "nmi": 0.5, "silhouette": 0.5, "content_knn": 0.5}
    spread = np.linspace(-0.01, 0.01, 100)
    first = plain(values, dict.fromkeys(values, 0.5 + spread))
    second = plain(
        values | {"map": 0.3, "content_knn": 0.7},
        {
            "map": 0.3 + 0 * spread,
            "nmi": 0.5 + 0 * spread,
            "silhouette": 0.5 + np.nan * spread,
            "content_knn": 0.7 + 0 * spread,
        },
    )
    rows = {row[0].strip(): row[1] for row in differences_of({"first": first, "second": second})[1:]}
    assert not rows["mAP"].endswith("~")
    assert rows["content kNN"].startswith("0.20 [")
    assert not rows["content kNN"].endswith("~")
    assert rows["NMI"].endswith("~")
    assert rows["silhouette"] == "0.00 ~"
    none = plain(values, {name: np.empty(0) for name in values})
    other = plain(dict.fromkeys(values, 0.1), none.draws)
    assert all(row[1].endswith("~") for row in differences_of({"none": none, "other": other})[1:])


def test_the_table_has_no_chance_where_none_is_known():
    rows = rows_of({"one": plain({"map": 0.5, "silhouette": 0.5}, {"map": np.empty(0), "silhouette": np.empty(0)})})
    assert {row[0]: row[-1] for row in rows[1:]} == {"mAP": "0.10", "silhouette": "-"}


def test_the_worst_silhouette_comes_first():
    found = plain({}, {}).to_dict()["silhouette"]
    assert [(name, one["value"]) for name, one in found.items()] == [
        ("c", -0.1),
        ("a", 0.5),
        ("b", pytest.approx(np.nan, nan_ok=True)),
    ]


def test_drawn_degradations_have_no_clusters_but_parameters(tmp_path):
    probe = small_probe(tmp_path, written=STEPS, size=80, images=8)
    angle = np.log(probe.parameters()["blur_width"])
    embedding = near(np.stack((np.cos(angle), np.sin(angle)), 1))
    scores = score(embedding, probe, repeats=20)
    assert {"rank_correlation", "r2/log_sigma", "uniformity", "effective_rank"} <= scores.values.keys()
    assert not {"knn_accuracy", "nmi", "content_knn", "alignment"} & scores.values.keys()
    assert scores.values["r2/log_sigma"] > 0.9
    assert scores.values["rank_correlation"] > 0.9
    assert 1 < scores.values["information"] < 10


def test_not_a_number_is_refused(probe):
    with pytest.raises(ValueError, match="2 of 96 embeddings are NaN"):
        score(np.where(np.arange(96)[:, None] < 2, np.nan, 1.0), probe)
