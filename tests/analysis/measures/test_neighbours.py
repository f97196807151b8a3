"""Neighbours of each patch within its image and in all others."""

import numpy as np

from analysis.measures.neighbours import find_neighbours


def test_neighbours_are_the_nearest_by_cosine_of_either_kind():
    generator = np.random.default_rng(0)
    embedding, image = generator.normal(size=(40, 5)), generator.integers(0, 4, 40)
    others, own = find_neighbours(embedding, image, 3)
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    for row in range(40):
        order = [one for one in np.argsort(-(unit @ unit[row])) if one != row]
        assert others[row].tolist() == [one for one in order if image[one] != image[row]][:3]
        assert own[row].tolist() == [one for one in order if image[one] == image[row]][:3]


def test_missing_neighbours_are_marked():
    others, own = find_neighbours(np.eye(3), np.array([0, 0, 1]), 6)
    assert own[0].tolist() == [1, -1, -1, -1, -1, -1]
    assert own[2].tolist() == [-1] * 6
    assert sorted(others[2].tolist(), reverse=True)[:2] == [1, 0]


def test_one_image_has_no_neighbours_in_others():
    others, own = find_neighbours(np.eye(3), np.array([7, 7, 7]), 2)
    assert (others == -1).all()
    assert [sorted(row) for row in own.tolist()] == [[1, 2], [0, 2], [0, 1]]
