from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from shared.probing import measures
from shared.probing.measures import (
    chance_accuracy,
    chance_nmi,
    cluster_nmi,
    content_accuracy,
    knn_accuracy,
    knn_correct,
    nearest_outside,
    spherical_kmeans,
)

IMAGES, LABELS, PATCHES, DIM = 12, 6, 4, 32


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):  # the pools of numpy, faiss and torch disturb each other on a busy machine
        yield


@pytest.fixture
def grid() -> tuple[np.ndarray, np.ndarray]:
    """Label and image of a crossed grid: every image under every degradation, several patches each."""
    image, label, _ = np.indices((IMAGES, LABELS, PATCHES)).reshape(3, -1)
    return label, image


def one_hot(index: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    embedding = np.random.default_rng(seed).normal(size=(len(index), DIM)) * noise
    embedding[np.arange(len(index)), index] += 1
    return embedding.astype(np.float32)


def test_embedding_of_the_degradation_scores_one_and_leaks_nothing(grid):
    label, image = grid
    embedding = one_hot(label, noise=0.05)
    assert knn_accuracy(embedding, label, image) == 1
    assert cluster_nmi(embedding, label) == pytest.approx(1)
    assert content_accuracy(embedding, image, label) < 2 * chance_accuracy(image)


def test_embedding_of_the_content_does_not_beat_chance(grid):
    label, image = grid
    assert knn_accuracy(one_hot(image), label, image) <= 1.01 * chance_accuracy(label)
    noisy = [one_hot(image, 0.05, seed) for seed in range(20)]
    assert np.mean([knn_accuracy(one, label, image) for one in noisy]) == pytest.approx(1 / LABELS, abs=0.02)
    assert cluster_nmi(noisy[0], label) < 0.05
    assert content_accuracy(noisy[0], image, label) == 1


def test_code_of_its_own_in_every_image_does_not_beat_chance(grid):
    """Degradations are told apart inside one image and nowhere else: a leak unless it is left out."""
    label, image = grid
    accuracy = []
    for seed in range(30):
        codes = np.random.default_rng(seed).normal(size=(IMAGES * LABELS, DIM))
        embedding = codes[image * LABELS + label]
        assert KNeighborsClassifier(PATCHES).fit(embedding, label).score(embedding, label) == 1
        accuracy.append(knn_accuracy(embedding, label, image))
    assert np.mean(accuracy) == pytest.approx(1 / LABELS, abs=0.03)


def test_random_embedding_is_at_chance():
    generator = np.random.default_rng(0)
    label, image = generator.integers(LABELS, size=3000), generator.integers(IMAGES, size=3000)
    embedding = generator.normal(size=(3000, DIM))
    assert knn_accuracy(embedding, label, image) == pytest.approx(1 / LABELS, abs=0.03)
    assert content_accuracy(embedding, image, label) == pytest.approx(1 / IMAGES, abs=0.03)
    assert cluster_nmi(embedding, label) == pytest.approx(chance_nmi(label), abs=0.005)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_collapsed_embedding_is_at_chance(grid, value):
    label, image = grid
    embedding = np.full((len(label), DIM), value)
    assert knn_accuracy(embedding, label, image) <= 1.3 * chance_accuracy(label)
    assert content_accuracy(embedding, image, label) <= 2 * chance_accuracy(image)
    assert cluster_nmi(embedding, label) < 0.1


@pytest.mark.parametrize("k", [1, 5, 10])
def test_neighbours_equal_scikit_learn_fitted_without_the_image(grid, k):
    label, image = grid
    embedding = one_hot(label, noise=0.5)
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    neighbour = nearest_outside(embedding, image, k)
    for one in range(IMAGES):
        others = np.flatnonzero(image != one)
        reference = KNeighborsClassifier(k).fit(unit[others], label[others])  # euclidean of unit rows: the cosine
        expected = others[reference.kneighbors(unit[image == one], return_distance=False)]
        np.testing.assert_array_equal(neighbour[image == one], expected)


def test_accuracy_equals_scikit_learn_where_two_classes_cannot_tie(grid):
    label, image = grid
    label = label % 2
    embedding = one_hot(label, noise=0.5)
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    correct = [
        KNeighborsClassifier(5).fit(unit[image != i], label[image != i]).predict(unit[image == i]) == label[image == i]
        for i in range(IMAGES)
    ]
    assert knn_accuracy(embedding, label, image, k=5) == pytest.approx(np.mean(correct))


def test_search_in_parts_finds_the_same_neighbours(grid, monkeypatch):
    label, image = grid
    embedding = one_hot(label, noise=0.5)
    whole = nearest_outside(embedding, image, 10)
    monkeypatch.setattr(measures, "MAX_CANDIDATES", 40 * 34)
    np.testing.assert_array_equal(nearest_outside(embedding, image, 10), whole)


def test_image_with_most_of_the_patches_still_gets_all_votes():
    image = np.repeat([0, 1], [95, 5])  # the first image alone fills any short list of neighbours
    embedding = np.concatenate([np.eye(DIM)[np.zeros(95, dtype=int)], np.eye(DIM)[[1, 2, 3, 4, 5]]])
    neighbour = nearest_outside(embedding, image, 10)
    assert set(neighbour[0]) == {95, 96, 97, 98, 99, -1}
    assert (neighbour[95] >= 0).all()
    assert (image[neighbour[95]] == 0).all()


def test_tied_vote_goes_to_the_nearest():
    angle = np.deg2rad([0, 10, 20, 30, 40])
    embedding = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    image = np.arange(5)
    assert knn_correct(embedding, np.array([1, 1, 0, 0, 1]), image, k=4)[0]  # two votes each, 1 is nearest
    assert not knn_correct(embedding, np.array([1, 0, 1, 1, 0]), image, k=4)[0]  # two votes each, 0 is nearest


def test_chance_is_the_most_frequent_answer():
    assert chance_accuracy(np.array([3, 3, 7, 9])) == 0.5


def test_clusters_equal_scikit_learn_on_unit_rows(grid):
    label, _ = grid
    embedding = one_hot(label, noise=0.2) * np.linspace(1, 50, len(label))[:, None]  # lengths do not matter
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    reference = KMeans(LABELS, n_init=10, random_state=0).fit_predict(unit)
    ours = spherical_kmeans(embedding, LABELS)
    assert normalized_mutual_info_score(reference, ours) == pytest.approx(1)
    assert cluster_nmi(embedding, label) == pytest.approx(normalized_mutual_info_score(label, reference))


def test_clusters_find_many_separated_groups():
    label = np.repeat(np.arange(30), 10)
    assert cluster_nmi(one_hot(label, noise=0.02), label) == pytest.approx(1)


def test_clusters_repeat_with_the_seed():
    embedding = np.random.default_rng(0).normal(size=(200, DIM))
    np.testing.assert_array_equal(spherical_kmeans(embedding, 5, seed=3), spherical_kmeans(embedding, 5, seed=3))


def test_bad_input_is_named(grid):
    label, image = grid
    embedding = one_hot(label)
    with pytest.raises(ValueError, match="all 288 samples belong to one group"):
        knn_accuracy(embedding, label, np.zeros_like(image))
    with pytest.raises(ValueError, match=r"got \(287,\)"):
        knn_accuracy(embedding, label, image[1:])
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        knn_accuracy(embedding[0], label, image)
    with pytest.raises(ValueError, match="289 clusters of 288 samples"):
        cluster_nmi(embedding, label, clusters=289)
    with pytest.raises(ValueError, match="at least 1"):
        knn_accuracy(embedding, label, image, k=0)
    embedding[5, 3] = np.nan
    with pytest.raises(ValueError, match="1 of 288 embeddings are NaN"):
        cluster_nmi(embedding, label)
