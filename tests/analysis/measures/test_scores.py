import dataclasses
import json

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

from analysis.measures.scores import MORE_IS_BETTER, ReportScores, score_for_report
from analysis.wording.score_table import tabulate_differences, tabulate_scores
from shared.encoders.statistics import degradation_statistics
from shared.files import without_nan
from shared.probing import score_embedding, scores_to_json, spherical_kmeans
from tests.shared.probing.small_probes import DRAWN_BLURS, small_probe, small_run_probe

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    return small_probe(tmp_path_factory.mktemp("probe"), size=96, images=8)


@pytest.fixture(scope="module")
def statistics(probe):
    return degradation_statistics(probe.patches(slice(0, len(probe))).float().div(255)).numpy()


def near(centres: np.ndarray) -> np.ndarray:
    return centres + 1e-3 * GENERATOR.normal(size=centres.shape)


def test_perfect(probe):
    found = score_for_report(near(np.eye(3)[probe.label]), probe, repeats=20).values
    for name in ("knn_accuracy", "nmi", "ari", "purity", "map", "separation", "degradation_first", "family_accuracy"):
        assert found[name] == pytest.approx(1), name
    assert found["silhouette"] > 0.99
    assert found["degradation_share"] > 0.99
    assert found["content_knn"] < 0.4
    assert found["alignment"] < 1e-4
    assert found["r2/log_sigma"] > 0.99


def test_content_only(probe):
    scores = score_for_report(near(np.eye(32)[probe.content]), probe, repeats=20)
    found, chance = scores.values, scores.chance
    assert found["content_share"] > 0.99
    assert found["separation"] == pytest.approx(0.5, abs=0.06)
    assert found["knn_accuracy"] == pytest.approx(chance["knn_accuracy"], abs=0.15)
    of_image = score_for_report(near(np.eye(8)[probe.image.numpy()]), probe, repeats=5).values
    assert of_image["content_knn"] == 1
    assert of_image["degradation_first"] < 0.01


def test_random(probe):
    scores = score_for_report(GENERATOR.normal(size=(len(probe), 20)), probe, repeats=20)
    for name, chance in scores.chance.items():
        if not name.startswith("r2/"):  # a probe that reads nothing may do worse than the mean
            assert scores.values[name] == pytest.approx(chance, abs=0.17), name
    for name in ("degradation_share", "content_share", "interaction_share", "map"):
        assert scores.values[name] == pytest.approx(scores.chance[name], abs=0.05), name
    assert scores.values["r2/log_sigma"] < 0.2
    assert scores.values["silhouette"] == pytest.approx(0, abs=0.05)


def test_collapsed(probe):
    scores = score_for_report(np.full((len(probe), 5), 0.3), probe, repeats=5)
    assert "collapsed" in scores.notes[0]
    assert scores.values["separation"] == 0.5
    assert scores.values["map"] == pytest.approx(scores.chance["map"])
    assert scores.values["effective_rank"] == pytest.approx(1)
    assert np.isnan(scores.values["degradation_share"])
    json.dumps(without_nan(scores.to_dict()), allow_nan=False)


def test_clusters_are_scored_as_scikit_learn_does(probe, statistics):
    scores = score_for_report(statistics, probe, repeats=0)
    cluster = spherical_kmeans(statistics, 3, 0)
    assert scores.values["nmi"] == pytest.approx(normalized_mutual_info_score(probe.label, cluster))
    assert scores.values["ari"] == pytest.approx(adjusted_rand_score(probe.label, cluster))
    expected = silhouette_score(statistics, probe.label, metric="cosine")
    assert scores.values["silhouette"] == pytest.approx(expected, abs=1e-4)
    assert np.mean(list(scores.silhouette.values())) == pytest.approx(expected, abs=1e-4)  # as many samples of each


@pytest.mark.filterwarnings("error")
def test_zeros_are_scored_without_a_warning(probe):
    assert score_for_report(np.zeros((len(probe), 5)), probe, repeats=5).values["rank_correlation"] == 0


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
    scores = score_for_report(near(np.eye(2)[probe.label]), probe, repeats=20)
    low, high = scores.interval("information")
    assert 0 <= low <= scores.values["information"] <= high
    assert scores.values["information"] == pytest.approx(np.log(2))  # one direction, read well: which of the two


@pytest.mark.parametrize("kind", ["statistics", "random"])
def test_every_score_has_a_direction_and_an_interval_around_it(probe, statistics, kind):
    random = np.random.default_rng(4).normal(size=(len(probe), 40))
    scores = score_for_report(statistics if kind == "statistics" else random, probe, repeats=200)
    without_side = {"norm_mean", "norm_spread"}
    assert {name for name in scores.values if not name.startswith("r2/")} - without_side == MORE_IS_BETTER.keys()
    for name, value in scores.values.items():
        low, high = scores.interval(name)
        assert low <= value <= high, name
        assert low < high or kind == "random", name


def test_two_embeddings_are_compared_over_the_same_images(probe, statistics):
    embeddings = near(np.eye(3)[probe.label]), statistics
    good, bad = (score_for_report(one, probe, repeats=50) for one in embeddings)
    difference, low, high = good.ahead_of(bad, "separation")
    assert difference == pytest.approx(good.values["separation"] - bad.values["separation"])
    assert 0 < low <= difference <= high
    assert good.ahead_of(good, "nmi") == (0, 0, 0)


def test_few_images_widen_intervals_within_what_a_score_can_be(probe, statistics):
    scores = score_for_report(statistics, probe, repeats=100)
    assert scores.images == 8
    without = dataclasses.replace(scores, images=None)
    for name in ("separation", "r2/log_sigma", "uniformity"):
        low, high = scores.interval(name)
        assert low < without.interval(name)[0], name
        assert high > without.interval(name)[1], name
    two = dataclasses.replace(scores, images=2)
    assert two.interval("purity")[1] == 1
    assert two.interval("effective_rank")[0] == 1
    difference = score_for_report(near(np.eye(3)[probe.label]), probe, repeats=100)
    assert difference.ahead_of(scores, "map")[1] < difference.ahead_of(without, "map")[0]


def plain(values: dict[str, float], draws: dict[str, np.ndarray]) -> ReportScores:
    return ReportScores(values, draws, {"map": 0.1}, silhouette={"a": 0.5, "b": np.nan, "c": -0.1})


def test_the_table_marks_differences_by_their_intervals():
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
    rows = {row[0].strip(): row[1] for row in tabulate_differences({"first": first, "second": second})[1:]}
    assert not rows["mAP"].endswith("~")
    assert rows["content kNN"].startswith("0.20 [")
    assert not rows["content kNN"].endswith("~")
    assert rows["NMI"].endswith("~")
    assert rows["silhouette"] == "0.00 ~"
    none = plain(values, {name: np.empty(0) for name in values})
    other = plain(dict.fromkeys(values, 0.1), none.draws)
    assert all(row[1].endswith("~") for row in tabulate_differences({"none": none, "other": other})[1:])


def test_the_table_has_no_chance_where_none_is_known():
    rows = tabulate_scores(
        {"one": plain({"map": 0.5, "silhouette": 0.5}, {"map": np.empty(0), "silhouette": np.empty(0)})}
    )
    assert {row[0]: row[-1] for row in rows[1:]} == {"mAP": "0.10", "silhouette": "-"}


def test_the_worst_silhouette_comes_first():
    found = plain({}, {}).to_dict()["silhouette"]
    assert [(name, one["value"]) for name, one in found.items()] == [
        ("c", -0.1),
        ("a", 0.5),
        ("b", pytest.approx(np.nan, nan_ok=True)),
    ]


def test_drawn_degradations_have_no_clusters_but_parameters(tmp_path):
    probe = small_probe(tmp_path, written=DRAWN_BLURS, size=80, images=8)
    angle = np.log(probe.parameters()["blur_width"])
    embedding = near(np.stack((np.cos(angle), np.sin(angle)), 1))
    scores = score_for_report(embedding, probe, repeats=20)
    assert {"rank_correlation", "r2/log_sigma", "uniformity", "effective_rank"} <= scores.values.keys()
    assert not {"knn_accuracy", "nmi", "content_knn", "alignment"} & scores.values.keys()
    assert scores.values["r2/log_sigma"] > 0.9
    assert scores.values["rank_correlation"] > 0.9
    assert 1 < scores.values["information"] < 10


def test_not_a_number_is_refused(probe):
    with pytest.raises(ValueError, match="2 of 96 embeddings are NaN"):
        score_for_report(np.where(np.arange(96)[:, None] < 2, np.nan, 1.0), probe)


@pytest.mark.parametrize("kind", ["listed", "drawn", "both"])
def test_a_training_run_s_scores_are_some_of_a_report_s_with_the_same_numbers(tmp_path, kind):
    probe = {
        "listed": lambda: small_probe(tmp_path, size=96, images=8),
        "drawn": lambda: small_probe(tmp_path, written=DRAWN_BLURS, size=96, images=8),
        "both": lambda: small_run_probe(images=8),
    }[kind]()
    embedding = degradation_statistics(probe.patches(slice(0, len(probe))).float().div(255)).numpy()
    of_run, of_report = (score(embedding, probe, repeats=60) for score in (score_embedding, score_for_report))
    parameters = {"listed": {"log_sigma", "noise_sigma"}, "drawn": {"log_sigma"}}.get(
        kind, {"log_sigma", "anisotropy", "angle", "noise_sigma"}
    )
    names = {f"r2/{name}" for name in parameters}
    names |= {"knn_accuracy", "nmi", "content_knn"} if probe.is_listed else set()
    assert of_run.values.keys() == of_run.draws.keys() == names < of_report.values.keys()
    for name in names:
        assert of_report.values[name] == of_run.values[name], name
        assert np.array_equal(of_report.draws[name], of_run.draws[name]), name
        assert of_report.interval(name) == of_run.interval(name), name
        assert of_report.chance[name] == of_run.chance[name], name
    if probe.is_listed:
        assert scores_to_json(of_report) == scores_to_json(of_run)


def test_listed_patches_are_compared_and_drawn_ones_read(tmp_path):
    """In a set with both kinds, each measure takes the patches that it would have alone."""
    both = small_run_probe(images=8)
    embedding = degradation_statistics(both.patches(slice(0, len(both))).float().div(255)).numpy()
    scores = score_for_report(embedding, both, repeats=20)
    for rows, names in (
        (~both.probed, ["knn_accuracy", "nmi", "ari", "silhouette", "map", "separation", "content_share", "alignment"]),
        (both.probed, ["r2/log_sigma", "r2/noise_sigma", "information"]),
    ):
        alone = score_for_report(embedding[rows], both.select(torch.from_numpy(np.flatnonzero(rows))), repeats=20)
        for name in names:
            assert scores.values[name] == pytest.approx(alone.values[name], abs=1e-6), name
            assert scores.interval(name) == pytest.approx(alone.interval(name), abs=1e-6), name
    assert np.isfinite(list(scores.values.values())).all()
    assert scores.separation.shape == (len(both.names), len(both.names))
