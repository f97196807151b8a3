import numpy as np

from analysis.measures.image_groups import group_images


def test_groups_are_as_many_as_there_are():
    centres = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=float)
    embedding = centres.repeat(3, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(18, 3))
    cluster = group_images(embedding, np.arange(6).repeat(3))
    assert cluster[0] == cluster[1] != cluster[2] == cluster[3] != cluster[4] == cluster[5]
    assert group_images(embedding[:6], np.arange(2).repeat(3)).tolist() == [0, 0]
