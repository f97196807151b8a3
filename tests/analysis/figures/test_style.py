"""Colours, markers, shortened names and labels of the figures."""

import pytest

from analysis.figures.style import COLOURS, colour_and_marker, score_label, shorten


def test_colours_differ_and_no_pair_with_a_marker_repeats_before_all_have_appeared():
    assert len(set(COLOURS)) == 8
    assert len({colour_and_marker(index) for index in range(56)}) == 56


def test_shortened_names_fit_and_are_never_formulas():
    assert shorten("a $b$ c_d\n e") == r"a \$b\$ c_d e"
    assert shorten("degradation of thirty letters!") == "degradation of thirty letters!"
    short = shorten("abc" * 1000, 1.0)
    assert "…" in short
    assert short.startswith("abc")
    assert short.endswith("abc")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("probe/knn_accuracy", "kNN accuracy"),
        ("r2/log_sigma", "R² blur width"),
        ("probe/r2_angle", "R² angle"),
        ("content_share", "content share"),
        ("r2/new_one", "R² new one"),
    ],
)
def test_scores_have_labels(name, label):
    assert score_label(name) == label
