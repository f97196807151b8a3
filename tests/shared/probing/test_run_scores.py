import dataclasses
import json

import numpy as np
import pytest

from shared.probing import (
    EmbeddingScores,
    image_sums_to_json,
    score_embedding,
    score_table,
    scores_to_json,
    scores_to_scalars,
)
from tests.shared.probing.small_probes import small_probe


def scores_with(r2: dict[str, float], knn: float = 0.934) -> EmbeddingScores:
    values = {"knn_accuracy": knn, "nmi": 0.823, "content_knn": 0.111}
    values |= {f"r2/{name}": value for name, value in r2.items()}
    draws = {name: np.empty(0) for name in values} | {"knn_accuracy": np.array([0.9, 0.96])}
    chance = {"knn_accuracy": 1 / 6, "nmi": 0.012, "content_knn": 1 / 12} | {f"r2/{name}": 0 for name in r2}
    return EmbeddingScores(values, draws, chance)


def test_what_is_stored_is_strict_json(tmp_path):
    probe = small_probe(tmp_path, size=96, images=8)
    scores = score_embedding(np.random.default_rng(0).normal(size=(96, 5)), probe, repeats=20)
    scores.values["r2/noise_sigma"] = float("nan")
    stored = json.loads(json.dumps(scores_to_json(scores), allow_nan=False))
    assert list(stored) == ["knn_accuracy", "nmi", "content_accuracy", "r2", "intervals", "chance"]
    assert stored["knn_accuracy"] == scores.values["knn_accuracy"]
    assert stored["content_accuracy"] == scores.values["content_knn"]
    assert stored["r2"] == {"log_sigma": scores.r2["log_sigma"], "noise_sigma": None}
    names = {"knn_accuracy", "nmi", "content_accuracy"}
    assert stored["intervals"].keys() == names | {"r2/log_sigma", "r2/noise_sigma"}
    assert stored["intervals"]["content_accuracy"] == list(scores.interval("content_knn"))
    assert stored["chance"] == {
        "knn_accuracy": pytest.approx(1 / 3),
        "nmi": scores.chance["nmi"],
        "content_accuracy": pytest.approx(1 / 8),
    }


def test_what_images_add_is_stored_by_encoder_and_score(tmp_path):
    probe = small_probe(tmp_path, size=96, images=8)
    scores = score_embedding(np.random.default_rng(0).normal(size=(96, 5)), probe, repeats=0)
    stored = json.loads(json.dumps(image_sums_to_json({"mine": scores}, probe), allow_nan=False))
    assert stored["images"] == list(probe.store.names)
    part, whole = (np.array(stored["sums"]["mine"]["knn_accuracy"][term]) for term in ("part", "whole"))
    assert part.sum() / whole.sum() == pytest.approx(scores.values["knn_accuracy"], abs=1e-5)


def test_what_is_logged_has_the_tags_that_reports_draw():
    assert scores_to_scalars(scores_with({"log_sigma": 0.5}, 0.2)) == {
        "probe/knn_accuracy": 0.2,
        "probe/nmi": 0.823,
        "probe/content_accuracy": 0.111,
        "probe/r2_log_sigma": 0.5,
    }


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
    assert table[5].split() == ["untrained", "0.73", "[0.00,", "0.00]", "0.00", "0.84", "-"]
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
    other = dataclasses.replace(scores_with({}), chance={"knn_accuracy": 0.5, "nmi": 0.0, "content_knn": 0.1})
    with pytest.raises(ValueError, match="'b' was scored on another probe set than 'a'"):
        score_table({"a": scores_with({}), "b": other})
    with pytest.raises(ValueError, match="at least one row"):
        score_table({})
