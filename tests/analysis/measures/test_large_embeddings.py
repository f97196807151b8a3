"""Neighbours and clusters of large embeddings, on small ones whose answers are known."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from analysis.embedding.blocks import BLOCK, even_rows, sampled_units, unit_blocks
from analysis.measures.large_embeddings import NeighbourIndex, exact_search, streamed_kmeans
from shared.probing.measures import nearest_outside, unit_rows

CLUSTERS = 12


def planted(count: int, width: int = 48, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian clusters, float32, whose variances fall as those of an encoder's embedding do; and the labels."""
    generator = np.random.default_rng(seed)
    centres = unit_rows(np.random.default_rng(7).normal(size=(CLUSTERS, width)))
    label = generator.integers(CLUSTERS, size=count)
    spread = np.arange(1, width + 1) ** -0.7
    inside = 0.6 * spread / np.linalg.norm(spread) * generator.normal(size=(count, width))
    return (3 * (centres[label] + inside)).astype(np.float32), label


def mapped(embedding: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "embedding.npy", embedding)
    return np.load(folder / "embedding.npy", mmap_mode="r")


def brute_force(embedding: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    unit, query = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (embedding, queries))
    similarity = query.astype(np.float64) @ unit.T.astype(np.float64)
    order = np.argsort(-similarity, axis=1)[:, :k]
    return order, np.take_along_axis(similarity, order, axis=1)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    return planted(6000)


@pytest.fixture(scope="module")
def approximate(data: tuple[np.ndarray, np.ndarray]) -> NeighbourIndex:
    return NeighbourIndex.build(data[0], exact_below=0)


def test_exact_index_and_streamed_search_are_brute_force(data):
    queries = planted(50, seed=1)[0]
    expected, similarity = brute_force(data[0], queries, 15)
    index = NeighbourIndex.build(data[0])
    assert "exact" in index.description
    assert index.bytes == data[0].nbytes
    assert index.recall(100) == 1
    for found, nearness in (index.search(queries, 15), exact_search(data[0], queries, 15)):
        assert found.dtype == np.int64
        assert np.array_equal(found, expected)
        assert nearness == pytest.approx(similarity, abs=1e-5)


def test_approximate_index_finds_most_and_its_similarities_are_exact(data, approximate):
    queries = planted(300, seed=1)[0]
    expected, similarity = brute_force(data[0], queries, 10)
    found, nearness = approximate.search(queries, 10)
    assert np.mean([np.isin(one, other).mean() for one, other in zip(found, expected, strict=True)]) >= 0.95
    unit = unit_rows(data[0])
    assert nearness == pytest.approx(np.einsum("qd,qkd->qk", unit_rows(queries), unit[found]), abs=1e-5)
    assert (np.diff(nearness, axis=1) <= 0).all()
    assert (nearness <= similarity + 1e-5).all()


def test_recall_is_that_of_a_count_by_hand(data):
    index = NeighbourIndex.build(data[0], exact_below=0, probes=2)
    rows = even_rows(6000, 200, seed=1)
    expected, _ = brute_force(data[0], data[0][rows], 11)
    found, _ = index.search(data[0][rows], 11)
    pairs = zip(rows, found, expected, strict=True)
    by_hand = np.mean([np.isin(true[true != row], one[one != row]).mean() for row, one, true in pairs])
    assert index.recall(200, k=10) == pytest.approx(by_hand, abs=0.01)
    assert by_hand < 0.95  # two cells are too few: a recall that is always 1 would not be one


def test_equally_near_neighbours_count_as_found():
    few = planted(30)[0]
    assert NeighbourIndex.build(few.repeat(100, axis=0), exact_below=0).recall(50) == 1


def test_description_says_which_index(approximate):
    for part in ("approximate", "6,000 vectors of 48 dimensions", "(1.000 of the variance)", "cells", "MB"):
        assert part in approximate.description


def test_k_of_all_is_all_though_few_cells_are_visited(data):
    index = NeighbourIndex.build(data[0][:300], exact_below=0, probes=1)
    found, _ = index.search(data[0][:5], 300)
    assert np.array_equal(np.sort(found, axis=1), np.tile(np.arange(300), (5, 1)))


@pytest.mark.parametrize("exact_below", [0, 10_000])
def test_neighbours_outside_the_own_group(data, exact_below):
    embedding, group = data[0][:2500], np.arange(2500) // 7 * 3
    rows = np.arange(2490)  # more than a block
    found, similarity = NeighbourIndex.build(embedding, exact_below=exact_below).search_outside(rows, group, 5)
    expected = nearest_outside(embedding, group, 5)[rows]
    assert not (group[found] == group[rows][:, None]).any()
    assert (found == expected).mean() >= (0.95 if exact_below == 0 else 1)
    assert similarity[0, 0] == pytest.approx(unit_rows(embedding)[found[0, 0]] @ unit_rows(embedding)[0], abs=1e-5)


def test_places_without_a_neighbour_outside_are_marked(data):
    index = NeighbourIndex.build(data[0][:5])
    found, similarity = index.search_outside(np.array([0, 4]), np.array([0, 0, 0, 1, 1]), 4)
    assert (found[0, 2:] == -1).all()
    assert np.isneginf(similarity[0, 2:]).all()
    assert sorted(found[0, :2]) == [3, 4]
    assert sorted(found[1, :3]) == [0, 1, 2]
    assert found[1, 3] == -1


def test_a_mapped_file_gives_what_an_array_gives(data, tmp_path):
    on_disk = mapped(data[0], tmp_path)
    for exact_below in (0, 10_000):
        ours, theirs = (NeighbourIndex.build(one, exact_below=exact_below) for one in (on_disk, data[0]))
        for found, expected in zip(ours.search(on_disk[:70], 9), theirs.search(data[0][:70], 9), strict=True):
            assert np.array_equal(found, expected)
    assert np.array_equal(streamed_kmeans(on_disk, 5, sample=1000), streamed_kmeans(data[0], 5, sample=1000))


def test_one_seed_one_answer(data, approximate):
    again = NeighbourIndex.build(data[0], exact_below=0)
    assert np.array_equal(again.search(data[0][:100], 10)[0], approximate.search(data[0][:100], 10)[0])
    assert again.recall(50, seed=3) == approximate.recall(50, seed=3)
    first, second = (streamed_kmeans(data[0], CLUSTERS, sample=500, seed=4) for _ in range(2))
    assert np.array_equal(first, second)


def test_clusters_are_those_of_scikit_learn(data):
    theirs = KMeans(CLUSTERS, n_init=10, random_state=0).fit_predict(unit_rows(data[0]))
    ours = streamed_kmeans(data[0], CLUSTERS, sample=1500)
    assert ours.dtype == np.int64
    assert ours.shape == (6000,)
    assert adjusted_rand_score(theirs, ours) >= 0.99
    assert adjusted_rand_score(data[1], ours) >= 0.99


def test_memory_does_not_grow_with_the_embedding(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.measures.large_embeddings.SAMPLE", 2000)
    peaks = {}
    for count in (4 * BLOCK, 16 * BLOCK):
        embedding = mapped(planted(count, 256)[0], tmp_path)
        tracemalloc.start()  # sees what numpy takes, and no mapped page
        index = NeighbourIndex.build(embedding, exact_below=0)
        streamed_kmeans(embedding, 4, sample=1000)
        index.recall(20)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    growth = 12 * BLOCK * 256 * 4
    assert peaks[16 * BLOCK] - peaks[4 * BLOCK] < 0.2 * growth  # rows to learn cells from grow by the root


def test_less_memory_takes_fewer_directions(data):
    small = NeighbourIndex.build(data[0], memory=400_000)
    assert "approximate" in small.description  # though there are few: exact would take 1.2 MB
    assert small.bytes <= 400_000
    assert " 22 principal directions" in small.description
    assert small.recall(200) >= 0.8
    with pytest.raises(ValueError, match=r"0\.1 MB hold no index of 6000 vectors: it takes 0\.1 MB at least"):
        NeighbourIndex.build(data[0], memory=100_000)


@pytest.mark.parametrize("kind", ["collapsed", "zero", "wide"])
def test_embeddings_that_say_little_are_borne(kind):
    embedding = {
        "collapsed": np.ones((500, 20), np.float32), "zero": np.zeros((500, 20), np.float32),
        "wide": planted(30, 200)[0],
    }[kind]  # fmt: skip
    found, similarity = NeighbourIndex.build(embedding, exact_below=0).search(embedding[:10], 5)
    assert found.min() >= 0
    assert similarity[:, 0] == pytest.approx(np.zeros(10) if kind == "zero" else np.ones(10), abs=1e-5)
    assert set(streamed_kmeans(embedding, 3, sample=20)) <= {0, 1, 2}


@pytest.mark.parametrize("exact_below", [0, 10_000])
def test_vectors_that_are_not_finite_are_refused(data, exact_below):
    embedding = data[0].copy()
    embedding[[2500, 2501, 5999], 3] = np.nan, np.inf, -np.inf
    said = r"^3 of 6000 embeddings are NaN or infinite, the first in row 2500; none may be$"
    with pytest.raises(ValueError, match=said):
        NeighbourIndex.build(embedding, exact_below=exact_below)
    with pytest.raises(ValueError, match=said):
        streamed_kmeans(embedding, 3, sample=6000 if exact_below else 50)
    with pytest.raises(ValueError, match="1 of 1 embeddings are NaN"):
        NeighbourIndex.build(data[0]).search(embedding[[5999]], 1)


def test_what_cannot_be_is_refused(data, approximate):
    with pytest.raises(ValueError, match="k = 6001 neighbours of 6000 vectors: choose from 1 to 6000"):
        approximate.search(data[0][:2], 6001)
    with pytest.raises(ValueError, match="k = 0 neighbours"):
        approximate.search(data[0][:2], 0)
    with pytest.raises(ValueError, match=r"shape \(Q, 48\) as the embedding has, got \(2, 40\)"):
        approximate.search(data[0][:2, :40], 3)
    with pytest.raises(ValueError, match="6000 embeddings need as many groups"):
        approximate.search_outside(np.arange(3), np.arange(3), 2)
    with pytest.raises(ValueError, match="recall of 9 of 4 neighbours"):
        NeighbourIndex.build(data[0][:5]).recall(2, k=9)
    with pytest.raises(ValueError, match="30 clusters learnt from 20 samples: choose from 1 to 20"):
        streamed_kmeans(data[0], 30, sample=20)
    for wrong in (np.zeros((0, 4)), np.zeros(4)):
        with pytest.raises(ValueError, match=r"an embedding has the shape \(N, D\)"):
            NeighbourIndex.build(wrong)
        with pytest.raises(ValueError, match=r"an embedding has the shape \(N, D\)"):
            streamed_kmeans(wrong, 1)


def test_rows_are_drawn_evenly_and_blocks_cover_all():
    rows = even_rows(10_007, 100, seed=2)
    assert np.array_equal(np.histogram(rows, np.linspace(0, 10_007, 101).astype(int))[0], np.ones(100))
    assert np.array_equal(rows, even_rows(10_007, 100, seed=2))
    assert not np.array_equal(rows, even_rows(10_007, 100, seed=3))
    assert np.array_equal(even_rows(5, 9, seed=0), np.arange(5))
    embedding = planted(2 * BLOCK + 3, 8)[0]
    assert np.array_equal(np.concatenate([unit for _, unit in unit_blocks(embedding)]), unit_rows(embedding))
    some = even_rows(len(embedding), BLOCK + 5, seed=0)
    assert np.array_equal(sampled_units(embedding, some), unit_rows(embedding)[some])
