"""Colour codings of maps, the order of their points, and their frame."""

import numpy as np

from analysis.embedding.projection import frame_of
from analysis.figures.map_colours import MAX_NAMED, ProbeColours, drawing_order


def test_distant_islands_do_not_determine_the_frame_and_are_counted():
    points = np.concatenate((np.random.default_rng(0).random((1000, 2)), [[900.0, 0], [0, -500]]))
    centre, half, outside = frame_of(points)
    assert outside == 2
    np.testing.assert_allclose(centre, 0.5, atol=0.1)
    assert half < 1
    assert frame_of(points[:-2])[2] == 0  # points near the others stay inside
    assert frame_of(np.array([[0.0, 0], [0, 7], [1, 1]]))[2] == 0
    assert frame_of(np.zeros((300, 2)))[1:] == (1.0, 0)


def test_drawing_order_puts_the_surplus_of_frequent_categories_below():
    code = np.repeat([0, 1, 2], [500, 20, 40])
    order = drawing_order(code)
    assert sorted(order) == list(range(560))
    assert (code[order[:460]] == 0).all()
    assert np.bincount(code[order[-60:]]).tolist() == [20, 20, 20]


def test_only_categories_with_samples_are_named_and_of_many_the_most_frequent():
    few = ProbeColours(np.array([0, 2, 2]), ["a", "b", "c"], {}, np.zeros(3, int), ["x/same.png"]).families()
    assert few.names == ["a", "c"]
    assert few.rank.tolist() == [0, 1, 1]
    code = np.concatenate([np.arange(30), np.repeat([29, 17], 5)])
    many = ProbeColours(code, [str(i) for i in range(30)], {}, code, ["same.png"] * 30).families()
    assert len(many.names) == MAX_NAMED - 1
    assert {"29", "17"} <= set(many.names)
    assert many.unnamed == 30 - len(many.names)
    assert len(set(zip(code.tolist(), many.rank.tolist(), strict=True))) == 30  # each has its own colour and marker


def test_images_are_named_by_their_files_unless_these_coincide():
    index = np.arange(2)
    assert ProbeColours(index, ["a", "b"], {}, index, ["x/1.png", "y/2.png"]).images().names == ["1.png", "2.png"]
    assert ProbeColours(index, ["a", "b"], {}, index, ["x/1.png", "y/1.png"]).images().names == ["x/1.png", "y/1.png"]
