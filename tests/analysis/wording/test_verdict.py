"""The verdict: three sentences in plain words that agree with the scores."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.measures.scores import COLLAPSED, ReportScores
from analysis.wording.score_meanings import MEANINGS, select_key_scores
from analysis.wording.score_table import ALL_TITLES
from analysis.wording.verdict import give_verdict

random = np.random.default_rng(0)
CHANCE = {"knn_accuracy": 0.04, "content_knn": 0.125, "r2/log_sigma": 0.0, "rank_correlation": 0.0}


def scores(knn=0.5, content=0.2, **r2) -> ReportScores:
    values = {"knn_accuracy": knn, "content_knn": content, "rank_correlation": 0.3}
    values |= {f"r2/{name}": value for name, value in r2.items()}
    return ReportScores(
        values, {name: value + random.normal(0, 0.01, 100) for name, value in values.items()}, CHANCE, 8
    )


def verdict_on(rows: dict[str, ReportScores]) -> list[str]:
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in give_verdict(rows)]


def test_three_sentences_say_what_is_recognised_what_leaks_and_what_is_read():
    own = scores(0.5, 0.2, log_sigma=0.9, noise_sigma=0.5, angle=0.4, jpeg_quality=0.1)
    recognition, content, reading = verdict_on({"mine": own, "untrained": scores(0.1, 0.9)})
    assert recognition == (
        "mine tells the degradation of 50 % of the patches by their nearest neighbours in other images "
        "(untrained: 10 %; chance: 4 %)."
    )
    assert content == (
        "The content hardly leaks: neighbours under other degradations tell the image of 20 % of the patches; "
        "lower is better (untrained: 90 %; chance: 12 %)."
    )
    assert reading == (
        "On images left out of their fit, linear probes read well the width of a blur (R² 0.90); partly the direction "
        "of a blur (R² 0.40) and noise (R² 0.50); hardly JPEG quality (R² 0.10)."
    )


def test_what_is_not_better_is_said():
    text = verdict_on({"mine": scores(0.5), "equal": scores(0.5), "better": scores(0.9)})[0]
    assert "equal: 50 %, no clear difference; better: 90 %, which is better; chance" in text


@pytest.mark.parametrize(("content", "words"), [(0.13, "hardly leaks"), (0.4, "leaks"), (0.8, "dominates")])
def test_the_leak_is_judged_beside_chance(content, words):
    assert verdict_on({"mine": scores(content=content)})[1].startswith(f"The content {words}: ")


def test_without_listed_degradations_the_order_is_judged():
    own = scores(log_sigma=0.8)
    drawn = {name: value for name, value in own.values.items() if name not in ("knn_accuracy", "content_knn")}
    order, content, reading = verdict_on({"mine": replace(own, values=drawn)})
    assert order.startswith("mine orders the patches by their degradation with a rank correlation of 0.30 (chance")
    assert "probe=grid" in content
    assert "well the width" in reading


def test_a_collapsed_encoder_gets_one_sentence():
    (text,) = verdict_on({"mine": replace(scores(), notes=[f"{COLLAPSED}, and its scores are at chance level"])})
    assert "gives every patch the same vector" in text


def test_every_score_has_a_meaning_and_few_matter():
    assert set(MEANINGS) == set(ALL_TITLES)
    assert select_key_scores(scores(log_sigma=0.1, noise_sigma=0.1, jpeg_quality=0.1)) == [
        "knn_accuracy",
        "content_knn",
        "r2/log_sigma",
        "r2/noise_sigma",
    ]
