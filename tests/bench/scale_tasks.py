"""`python -m tests.bench.scale_tasks TASK FOLDER COUNT`: one task of the scale part; what it found is printed as JSON.

A process of its own, so that its memory is that of the task alone. FOLDER holds planted vectors, COUNT of
which are used.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from analysis.embedding.blocks import MAP_SAMPLE, even_rows, sampled_units
from analysis.measures.large_embeddings import EXACT_BELOW, NeighbourIndex, streamed_kmeans
from shared.probing.measures import KMEANS_ITERATIONS, KMEANS_RESTARTS
from tests.bench.planted_vectors import CLUSTERS

NEIGHBOURS = 10
QUERIES = 1000
JUDGED = 200  # queries whose true neighbours are searched in all vectors
Found = dict[str, float | str]


def our_neighbours(vectors: np.ndarray, label: np.ndarray) -> Found:
    """The approximate index, however few the vectors."""
    import faiss  # noqa: F401  its import is not the index's time

    start = time.perf_counter()
    index = NeighbourIndex.build(vectors, exact_below=min(EXACT_BELOW, len(vectors)))
    built = time.perf_counter()
    index.search(_queries(vectors), NEIGHBOURS)
    searched = time.perf_counter()
    recall = index.recall(JUDGED, NEIGHBOURS)
    return {"build": built - start, "search": searched - built, "recall": recall, "index": index.description}


def sklearn_neighbours(vectors: np.ndarray, label: np.ndarray) -> Found:
    """All vectors for each query."""
    from sklearn.neighbors import NearestNeighbors

    start = time.perf_counter()
    index = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute", metric="cosine").fit(vectors)
    built = time.perf_counter()
    index.kneighbors(_queries(vectors))
    return {"build": built - start, "search": time.perf_counter() - built}


def our_kmeans(vectors: np.ndarray, label: np.ndarray) -> Found:
    """Learnt from a sample, all vectors assigned."""
    import faiss  # noqa: F401
    from sklearn.metrics import adjusted_rand_score

    start = time.perf_counter()
    cluster = streamed_kmeans(vectors, CLUSTERS)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "agreement": float(adjusted_rand_score(label, cluster))}


def sklearn_kmeans(vectors: np.ndarray, label: np.ndarray) -> Found:
    """Learnt from all vectors, with as many starts as ours."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    start = time.perf_counter()
    kmeans = KMeans(CLUSTERS, n_init=KMEANS_RESTARTS, max_iter=KMEANS_ITERATIONS, random_state=0)
    cluster = kmeans.fit_predict(vectors)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "agreement": float(adjusted_rand_score(label, cluster))}


def umap(vectors: np.ndarray, label: np.ndarray) -> Found:
    """The map of a sample, with the time that UMAP takes to be loaded and compiled."""
    from analysis.embedding.projection import umap_map

    start = time.perf_counter()
    rows = even_rows(len(vectors), min(MAP_SAMPLE, len(vectors) // 4), seed=0)
    umap_map(sampled_units(vectors, rows), seed=0)
    return {"seconds": time.perf_counter() - start, "sample": len(rows)}


TASKS: dict[str, Callable[[np.ndarray, np.ndarray], Found]] = {
    task.__name__: task for task in (our_neighbours, sklearn_neighbours, our_kmeans, sklearn_kmeans, umap)
}


def _queries(vectors: np.ndarray) -> np.ndarray:
    return vectors[even_rows(len(vectors), QUERIES, seed=1)]


if __name__ == "__main__":
    task, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    found = TASKS[task](np.load(folder / "vectors.npy", mmap_mode="r")[:count], np.load(folder / "labels.npy")[:count])
    print(json.dumps(found))
