import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from shared.probing.measures import cluster_nmi, content_accuracy, knn_accuracy
from shared.probing.ridge import ridge_r2
from shared.probing.scores import ProbeScores, score_embedding, score_table

IMAGES, LABELS, PATCHES = 8, 5, 4


@pytest.fixture(scope="module")
def probe() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    image, label, _ = np.indices((IMAGES, LABELS, PATCHES)).reshape(3, -1)
    blur = np.log(0.5 + label)
    theta = np.where(label > 1, 0.7 * label, np.nan)  # the first two degradations have no direction
    angle = np.stack([np.sin(2 * theta), np.cos(2 * theta)], axis=1)
    return label, image, {"blur": blur, "angle": angle, "noise": np.zeros(len(label))}


def embedding_of(probe, degradation: float, content: float, noise: float) -> np.ndarray:
    label, image, _ = probe
    generator = np.random.default_rng(0)
    parts = (
        degradation * generator.normal(size=(LABELS, 40))[label],
        content * generator.normal(size=(IMAGES, 40))[image],
    )
    return (sum(parts) + noise * generator.normal(size=(len(label), 40))).astype(np.float32)


def test_perfect_embedding(probe):
    scores = score_embedding(embedding_of(probe, 1, 0, 0.02), *probe, repeats=50)
    assert scores.knn_accuracy == 1
    assert scores.nmi == pytest.approx(1)
    assert scores.r2["blur"] > 0.98
    assert scores.r2["angle"] > 0.98
    assert np.isnan(scores.r2["noise"])
    assert scores.content_accuracy < 0.3
    assert scores.intervals["knn_accuracy"] == (1, 1)
    assert scores.chance["knn_accuracy"] == 1 / LABELS
    assert scores.chance["content_accuracy"] == 1 / IMAGES


def test_content_embedding(probe):
    scores = score_embedding(embedding_of(probe, 0, 1, 0.02), *probe, repeats=50)
    assert scores.knn_accuracy < 0.35
    assert scores.nmi < 0.1
    assert scores.r2["blur"] < 0.1
    assert scores.content_accuracy == 1


def test_scores_are_those_of_the_single_measures(probe):
    label, image, targets = probe
    embedding = embedding_of(probe, 1, 1, 1)
    scores = score_embedding(embedding, label, image, targets, repeats=100)
    assert scores.knn_accuracy == knn_accuracy(embedding, label, image)
    assert scores.content_accuracy == content_accuracy(embedding, image, label)
    assert scores.nmi == cluster_nmi(embedding, label)
    assert scores.r2["blur"] == pytest.approx(ridge_r2(embedding, targets["blur"][:, None], image)[0], abs=1e-3)
    for name, value in [("knn_accuracy", scores.knn_accuracy), ("r2/blur", scores.r2["blur"])]:
        low, high = scores.intervals[name]
        assert low < value < high


def test_chance_of_nmi_is_that_of_shuffled_labels(probe):
    label, image, _ = probe
    scores = score_embedding(embedding_of(probe, 1, 1, 1), label, image, {}, repeats=0)
    generator = np.random.default_rng(9)
    shuffled = np.mean([normalized_mutual_info_score(label, generator.permutation(label)) for _ in range(200)])
    assert scores.chance["nmi"] == pytest.approx(shuffled, rel=0.3)
    assert scores.r2 == {}
    assert np.isnan(scores.intervals["nmi"]).all()


def test_a_difference_is_paired(probe):
    """What an image's content adds to both scores alike does not blur their difference."""
    better, worse = (
        score_embedding(embedding_of(probe, degradation, 1, 1), *probe, repeats=200) for degradation in (1, 0.4)
    )
    for name, (difference, low, high) in better.ahead_of(worse).items():
        if name in ("knn_accuracy", "nmi", "r2/blur"):
            assert difference == better.values[name] - worse.values[name]
            assert 0 < low < difference < high
    same, low, high = better.ahead_of(better)["r2/blur"]
    assert (same, low, high) == (0, 0, 0)


def test_same_seed_same_scores(probe):
    embedding = embedding_of(probe, 0.5, 1, 1)
    first, second = (score_embedding(embedding, *probe, repeats=50).to_dict() for _ in range(2))
    assert first == second


def test_to_dict_is_strict_json(probe):
    scores = score_embedding(embedding_of(probe, 1, 1, 1), *probe, repeats=20)
    written = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert written["knn_accuracy"] == scores.knn_accuracy
    assert written["r2"]["noise"] is None
    assert written["intervals"]["r2/blur"] == list(scores.intervals["r2/blur"])


def scores_with(r2: dict[str, float], knn: float = 0.934) -> ProbeScores:
    return ProbeScores(
        knn_accuracy=knn,
        nmi=0.823,
        r2=r2,
        content_accuracy=0.111,
        draws={"knn_accuracy": np.array([0.9, 0.96])},
        chance={"knn_accuracy": 1 / 6, "nmi": 0.012, "content_accuracy": 1 / 12},
    )


def test_table_shows_every_score_and_the_chance_levels():
    rows = {
        "trained": scores_with({"blur": 0.84, "noise": float("nan")}),
        "untrained": scores_with({"blur": -0.001, "noise": 0.5}, 0.2),
    }
    table = score_table(rows).splitlines()
    assert table[0].split("  ")[-1] == "content kNN"
    assert table[1].split() == ["trained", "0.93", "[0.90,", "0.96]", "0.82", "0.84", "-", "0.11"]
    assert table[2].split() == ["untrained", "0.20", "[0.90,", "0.96]", "0.82", "0.00", "0.50", "0.11"]
    assert len({len(line) for line in table[:3]}) == 1
    assert table[4].split("  ")[0] == "trained ahead of"
    assert table[5].split() == ["untrained", "0.73", "[0.00,", "0.00]"]
    caption = " ".join(table[7:])
    assert "kNN accuracy 0.17, NMI 0.01, R^2 0.00, content kNN 0.08" in caption


def test_table_of_many_parameters_stays_inside_100_columns():
    parameters = {f"parameter {i}": i / 20 for i in range(12)}
    table = score_table({"a rather long name of a run": scores_with(parameters), "b": scores_with(parameters)})
    assert max(map(len, table.splitlines())) <= 100
    for name, value in parameters.items():
        assert f"R^2 {name}" in table
        assert table.count(f"{value:.2f}") >= 2


def test_table_refuses_different_probe_sets():
    other = dataclasses.replace(scores_with({}), chance={"knn_accuracy": 0.5, "nmi": 0.0, "content_accuracy": 0.1})
    with pytest.raises(ValueError, match="'b' was scored on another probe set than 'a'"):
        score_table({"a": scores_with({}), "b": other})
    with pytest.raises(ValueError, match="at least one row"):
        score_table({})


def test_one_image_or_one_degradation_is_refused(probe):
    label, image, targets = probe
    embedding = embedding_of(probe, 1, 1, 1)
    with pytest.raises(ValueError, match="at least two images, got 1"):
        score_embedding(embedding, label, np.zeros_like(image), targets)
    with pytest.raises(ValueError, match="at least two degradations, got 1"):
        score_embedding(embedding, np.zeros_like(label), image, targets)


def test_samples_without_a_listed_degradation_serve_the_probes_only(probe):
    label, image, targets = probe
    embedding = embedding_of(probe, 1, 1, 1)
    listed = np.arange(len(label)) % 2 == 0
    part_blur = {"blur": np.where(listed, np.nan, targets["blur"])}
    scores = score_embedding(embedding, np.where(listed, label, -1), image, part_blur, repeats=50)
    alone = score_embedding(embedding[listed], label[listed], image[listed], {}, repeats=50)
    assert (scores.knn_accuracy, scores.nmi, scores.content_accuracy) == (
        alone.knn_accuracy,
        alone.nmi,
        alone.content_accuracy,
    )
    assert scores.chance == alone.chance
    blur = targets["blur"][~listed, None]
    assert scores.r2["blur"] == pytest.approx(ridge_r2(embedding[~listed], blur, image[~listed])[0], abs=1e-5)
    assert np.isfinite(list(scores.intervals.values())).all()
