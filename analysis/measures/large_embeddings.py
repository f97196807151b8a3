"""Neighbours and clusters of embeddings too large to compare all with all, streamed from a memory-mapped file.

The embedding is read block by block and never copied whole; what is learnt is learnt from rows drawn evenly and
seeded. All compare by the cosine, as `shared.probing.measures` does, whose measures are exact and meant for some ten
thousand vectors.
"""

import math
from typing import Any

import numpy as np

from analysis.embedding.blocks import BLOCK, SAMPLE, check_shape, even_rows, sampled_units, unit_blocks
from shared.probing.measures import spherical_kmeans, unit_rows

MEMORY = 3_000_000_000  # bytes that an index may take; one million vectors of 2048 dimensions take a tenth
EXACT_BELOW = 50_000  # vectors; all against all is 2 N^2 D operations, here 1e13: minutes
DIRECTIONS = 128  # kept 0.93 to 0.99 of the variance of trained ResNet50s' 2048 dimensions (2,000 probe patches)
CELLS_PER_ROOT = 2  # cells over the root of N; building costs N x cells, so more pays for very many queries only
ROWS_PER_CELL = 40  # from which a cell's centre is learnt; faiss warns below 39
PROBES = 128  # cells searched for a query; of 20,000 unclustered vectors 9 found 0.85, 36 0.995; 128 of a million all
CANDIDATES = 5  # per neighbour wanted: so many of the compressed vectors are compared again, as they are on disk
TIE = 1e-6  # similarities that differ by less are equal: rounding of float32


class NeighbourIndex:
    """Nearest neighbours by cosine similarity: exact for few vectors, IVF with exact re-ranking for many.

    Of many vectors, principal directions in 8 bits each stay in memory, in cells (an inverted file, IVF) of which a
    query visits the nearest; the best candidates are read again from the embedding and compared in full. So the
    similarities are exact always, and only neighbours can be missed: `recall` says how many.

    Attributes:
        embedding: (N, D), as given; must stay as it is.
        description: in words, which index this is.
        bytes: that it takes in memory, at most.

    Source: Sivic and Zisserman, "Video Google", 2003 (inverted file); Douze et al., "The Faiss library", 2024.
    """

    def __init__(self, embedding: np.ndarray, index: Any, reduction: Any, size: int, description: str) -> None:
        self.embedding = embedding
        self.bytes = size
        self.description = f"{description}; {size / 1e6:,.1f} MB"
        self._index, self._reduction = index, reduction  # no reduction: the index is exact

    @classmethod
    def build(
        cls, embedding: np.ndarray, *,
        exact_below: int = EXACT_BELOW, memory: int = MEMORY, probes: int = PROBES, seed: int = 0,
    ) -> "NeighbourIndex":  # fmt: skip
        """Reads the embedding once, and samples of it before that where the index is not exact.

        Args:
            embedding: (N, D), finite; may be memory-mapped.
            exact_below: number of vectors below which the index is exact, if that fits in memory.
            memory: most bytes that the index takes.
            probes: cells searched for a query; more, where `recall` is too low.
            seed: of the rows that it learns from, and of the first cells.

        Raises:
            ValueError: the embedding is not finite, or the memory is too little for any index.
        """
        import faiss

        check_shape(embedding)
        count, width = embedding.shape
        if count < exact_below and 4 * count * width <= memory:
            index, reduction, size = faiss.IndexFlatIP(width), None, 4 * count * width
            description = f"exact: {count:,} vectors of {width} dimensions"
        else:
            index, reduction, size, description = _trained(embedding, memory, probes, seed)
        for _, unit in unit_blocks(embedding):
            index.add(unit if reduction is None else reduction.apply(unit))
        return cls(embedding, index, reduction, size, description)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest of each query, nearest first.

        Args:
            queries: (Q, D), finite; a query that is itself in the embedding finds itself.
            k: neighbours, from 1 to N.

        Returns:
            Rows of the embedding (Q, k) int64, and their cosine similarities (Q, k) float32.

        Raises:
            ValueError: k or the shape does not fit, or the queries are not finite.
        """
        count, width = self.embedding.shape
        if not 1 <= k <= count:
            raise ValueError(f"k = {k} neighbours of {count} vectors: choose from 1 to {count}")
        if queries.ndim != 2 or queries.shape[1] != width:
            raise ValueError(f"queries have the shape (Q, {width}) as the embedding has, got {queries.shape}")
        neighbour, similarity = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        at_once = BLOCK if self._reduction is None else max(1, BLOCK // (CANDIDATES * k))
        for rows, unit in unit_blocks(queries, at_once):
            similarity[rows], neighbour[rows] = (
                self._index.search(unit, k) if self._reduction is None else self._ranked_again(unit, k)
            )
        return neighbour, similarity

    def search_outside(self, rows: np.ndarray, group: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest of some rows of the embedding among those of other groups, such as other images.

        Args:
            rows: (Q,) rows of the embedding.
            group: (N,) integer group of each row; `np.arange(N)` leaves out only the row itself.
            k: neighbours, at least 1. Groups should be small: k + the size of the largest are searched.

        Returns:
            Rows (Q, k) and similarities (Q, k) as `search`; -1 and -inf fill up where fewer were found outside.

        Raises:
            ValueError: a shape does not fit.
        """
        count = len(self.embedding)
        if group.shape != (count,):
            raise ValueError(f"{count} embeddings need as many groups, got {group.shape}")
        _, own, sizes = np.unique(group, return_inverse=True, return_counts=True)
        largest = int(sizes[own[rows]].max(initial=0))
        wide = min(count, k + largest)  # holds k outsiders even when the whole group comes first
        parts = []
        for some in np.array_split(rows, max(1, -(-len(rows) // BLOCK))):
            neighbour, similarity = self.search(self.embedding[some], wide)
            parts.append(_outside(neighbour, similarity, own[neighbour] == own[some][:, None], k))
        neighbours, similarities = zip(*parts, strict=True)
        return np.concatenate(neighbours), np.concatenate(similarities)

    def recall(self, queries: int = 1000, k: int = 10, seed: int = 0) -> float:
        """Share of the true k nearest neighbours that are found, over rows drawn evenly; neighbours equally near count.

        The true ones are searched in all vectors, streamed; a row is not its own neighbour.

        Raises:
            ValueError: there are not as many others as neighbours, or no queries.
        """
        if not 1 <= k < len(self.embedding) or queries < 1:
            others = len(self.embedding) - 1
            raise ValueError(f"recall of {k} of {others} neighbours over {queries} queries: choose fewer, from 1")
        rows = even_rows(len(self.embedding), queries, seed + 1)  # other rows than the index learnt from
        own = np.arange(len(self.embedding))
        _, found = self.search_outside(rows, own, k)
        neighbour, similarity = exact_search(self.embedding, self.embedding[rows], k + 1)
        _, true = _outside(neighbour, similarity, neighbour == rows[:, None], k)
        return float((found >= true[:, -1:] - TIE).mean())

    def _ranked_again(self, unit: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Similarities and rows of the k nearest of unit queries (Q, D), by the vectors on disk."""
        import faiss

        reduced, wanted = self._reduction.apply(unit), min(len(self.embedding), CANDIDATES * k)
        _, candidate = self._index.search(reduced, wanted)  # (Q, C)
        short = candidate[:, k - 1] < 0  # the visited cells hold fewer than k: visit all
        if short.any():
            every = faiss.SearchParametersIVF()
            every.nprobe = self._index.nlist
            _, candidate[short] = self._index.search(reduced[short], wanted, params=every)
        read, place = np.unique(candidate, return_inverse=True)
        place = place.reshape(candidate.shape)
        vectors = unit_rows(self.embedding[np.maximum(read, 0)])
        similarity = np.einsum("qd,qcd->qc", unit, vectors[place])
        similarity[candidate < 0] = -np.inf
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(similarity, best, axis=1), np.take_along_axis(candidate, best, axis=1)


def exact_search(embedding: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of each query (Q, D) by cosine among all of an embedding (N, D), which is streamed once.

    Returns:
        Rows (Q, k) int64 and similarities (Q, k) float32, nearest first, as `NeighbourIndex.search`.
    """
    import faiss

    unit = unit_rows(queries)
    neighbour, similarity = np.empty((len(unit), 0), np.int64), np.empty((len(unit), 0), np.float32)
    for rows, block in unit_blocks(embedding):
        nearer, found = faiss.knn(unit, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        similarity, neighbour = np.hstack([similarity, nearer]), np.hstack([neighbour, found + rows.start])
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        similarity, neighbour = np.take_along_axis(similarity, best, 1), np.take_along_axis(neighbour, best, 1)
    return neighbour, similarity


def streamed_kmeans(embedding: np.ndarray, clusters: int, *, sample: int = SAMPLE, seed: int = 0) -> np.ndarray:
    """Cluster of each vector: `spherical_kmeans` of a sample, then each vector to the nearest mean by cosine.

    Args:
        embedding: (N, D), finite; may be memory-mapped.
        clusters: number of clusters.
        sample: rows that they are learnt from, drawn evenly; all where there are fewer.
        seed: of the sample and of the first centres.

    Returns:
        (N,) int64 in [0, clusters).

    Raises:
        ValueError: the embedding is not finite, or there are fewer rows to learn from than clusters.
    """
    check_shape(embedding)
    rows = even_rows(len(embedding), sample, seed)
    if not 1 <= clusters <= len(rows):
        raise ValueError(f"{clusters} clusters learnt from {len(rows)} samples: choose from 1 to {len(rows)} clusters")
    learnt = sampled_units(embedding, rows)
    label = spherical_kmeans(learnt, clusters, seed)
    used = np.unique(label)
    centres = unit_rows(np.stack([learnt[label == one].mean(0) for one in used]))
    return np.concatenate([used[(unit @ centres.T).argmax(1)] for _, unit in unit_blocks(embedding)])


def _trained(embedding: np.ndarray, memory: int, probes: int, seed: int) -> tuple[Any, Any, int, str]:
    """An empty IVF index, the reduction to its directions, the bytes that both will take, and what they are."""
    import faiss

    count, width = embedding.shape
    cells = max(1, round(CELLS_PER_ROOT * math.sqrt(count)))
    fixed = 8 * width * width  # the reduction
    directions = min(DIRECTIONS, width, count, (memory - fixed - 16 * count) // (2 * count + 4 * cells))
    if directions < 1:
        least = (fixed + 18 * count + 4 * cells) / 1e6
        raise ValueError(f"{memory / 1e6:,.1f} MB hold no index of {count} vectors: it takes {least:,.1f} MB at least")
    learnt = sampled_units(embedding, even_rows(count, SAMPLE, seed))
    reduction = faiss.PCAMatrix(width, directions)
    reduction.train(learnt)
    variance = faiss.vector_to_array(reduction.eigenvalues)
    kept = variance[:directions].sum() / max(variance.sum(), np.finfo(np.float32).tiny)
    rows = even_rows(count, ROWS_PER_CELL * cells, seed)
    parts = [reduction.apply(sampled_units(embedding, part)) for part in np.array_split(rows, -(-len(rows) // BLOCK))]
    cell_centres = faiss.IndexFlatL2(directions)  # of centred unit vectors: the order is that of the cosine
    index = faiss.IndexIVFScalarQuantizer(cell_centres, directions, cells, faiss.ScalarQuantizer.QT_8bit)
    index.cp.seed, index.cp.min_points_per_centroid = seed, 1
    index.train(np.concatenate(parts))
    index.nprobe = min(probes, cells)
    size = fixed + count * 2 * (directions + 8) + 4 * cells * directions  # twice: faiss's lists grow by doubling
    description = (
        f"approximate (IVF): {count:,} vectors of {width} dimensions, {directions} principal directions "
        f"({kept:.3f} of the variance) in 8 bits each, {cells} cells of which {index.nprobe} are searched, "
        f"the {CANDIDATES} k best compared in full"
    )
    return index, reduction, size, description


def _outside(
    neighbour: np.ndarray, similarity: np.ndarray, inside: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first k of each row (Q, K) that are not inside; -1 and -inf where there are fewer."""
    order = np.argsort(inside, axis=1, kind="stable")[:, :k]
    neighbour, similarity, inside = (np.take_along_axis(one, order, 1) for one in (neighbour, similarity, inside))
    return np.where(inside, -1, neighbour), np.where(inside, np.float32(-np.inf), similarity)
