"""Measures of how well degradations separate in an embedding, and of how much content leaks into it.

Every measure is a pure function of an embedding (N, D), never of its 2-D map, and deterministic given its
seed. Labels and images are (N,) integers. All measures compare by the cosine, as the contrastive losses do,
and use the embedding as it is: standardising its columns first would give noise columns the weight of those
that the encoder uses (on photographs the kNN accuracy of hand-made statistics fell from 0.56 to 0.49).
"""

import numpy as np

from shared.probing.cluster_agreement import SHUFFLES, contingency, normalised_mutual_information

MAX_CANDIDATES = 2**24  # per search; with their indices about 300 MB, whatever N is
KMEANS_RESTARTS = 10  # from k-means++ centres; the best objective is kept
KMEANS_ITERATIONS = 50  # a few thousand points converge after 10 to 30


def knn_accuracy(embedding: np.ndarray, label: np.ndarray, image: np.ndarray, k: int = 10) -> float:
    """Returns the accuracy of k-nearest-neighbour votes on the degradation, with neighbours from other images only.

    An embedding of the content alone cannot beat `chance_accuracy(label)`: patches of the same image never vote for
    each other.

    Args:
        embedding: Finite embedding, (N, D).
        label: Degradation of each sample, (N,).
        image: Image from which each sample was cut, (N,).
        k: Votes per sample; all samples of other images if there are fewer.

    Returns:
        The share of samples whose label wins their vote, in [0, 1].

    Raises:
        ValueError: The shapes disagree, the embedding is not finite, or all samples come from one image.
    """
    return float(knn_correct(embedding, label, image, k).mean())


def content_accuracy(embedding: np.ndarray, image: np.ndarray, label: np.ndarray, k: int = 10) -> float:
    """Returns the accuracy of k-nearest-neighbour votes on the *image*, with neighbours of other degradations only.

    Measures the leak of content, and mirrors `knn_accuracy`: an embedding of the degradation alone stays at
    `chance_accuracy(image)`.

    Args:
        embedding: Finite embedding, (N, D).
        image: Image from which each sample was cut, (N,).
        label: Degradation of each sample, (N,).
        k: Votes per sample, at most the number of samples that an image has under other degradations.

    Returns:
        The share of samples whose image wins their vote, in [0, 1].

    Raises:
        ValueError: The shapes disagree, the embedding is not finite, or all samples have one label.
    """
    return float(knn_correct(embedding, image, label, k).mean())


def knn_correct(embedding: np.ndarray, answer: np.ndarray, excluded: np.ndarray, k: int = 10) -> np.ndarray:
    """Tells for each sample whether its k nearest neighbours outside its own `excluded` group elect its answer.

    Ties between answers go to the nearest neighbour.

    Args:
        embedding: Finite embedding, (N, D).
        answer: Class that the neighbours vote on, (N,).
        excluded: Group of each sample, (N,), whose members do not vote for each other.
        k: Votes per sample.

    Returns:
        Whether the vote is correct, (N,) bool.

    Raises:
        ValueError: The shapes disagree, the embedding is not finite, or there is only one group.
    """
    neighbour = nearest_outside(embedding, excluded, k)  # (N, k)
    _, answer = np.unique(answer, return_inverse=True)
    ballot = np.where(neighbour >= 0, answer[neighbour], -1)  # (N, k)
    votes = np.stack([(ballot == ballot[:, [i]]).sum(1) for i in range(ballot.shape[1])], axis=1)  # (N, k)
    votes[ballot < 0] = 0
    winner = ballot[np.arange(len(ballot)), votes.argmax(1)]  # argmax takes the first, the nearest
    return winner == answer


def nearest_outside(embedding: np.ndarray, group: np.ndarray, k: int) -> np.ndarray:
    """Finds each sample's nearest neighbours by cosine among the samples of other groups, nearest first, exactly.

    Args:
        embedding: Finite embedding, (N, D).
        group: Group of each sample, (N,).
        k: Neighbours per sample, at least 1.

    Returns:
        Indices into the embedding, (N, min(k, N - 1)), padded with -1 where fewer samples lie outside the group.

    Raises:
        ValueError: The shapes disagree, the embedding is not finite, or there is only one group.
    """
    import faiss

    unit = unit_rows(embedding, group)
    if k < 1:
        raise ValueError(f"k = {k} neighbours: must be at least 1")
    _, group, group_size = np.unique(group, return_inverse=True, return_counts=True)
    if len(group_size) < 2:
        raise ValueError(f"all {len(unit)} samples belong to one group: a neighbour search needs at least two")
    count = len(unit)
    k = min(k, count - 1)
    width = min(count, k + int(group_size.max()))  # holds k outsiders even when the whole group comes first
    neighbour = np.full((count, k), -1)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    for rows in np.array_split(np.arange(count), -(-count * width // MAX_CANDIDATES)):
        _, candidate = index.search(unit[rows], width)  # (M, width)
        inside = group[candidate] == group[rows][:, None]
        outsiders_first = np.argsort(inside, axis=1, kind="stable")[:, :k]
        neighbour[rows] = np.take_along_axis(candidate, outsiders_first, axis=1)
        neighbour[rows] = np.where(np.take_along_axis(inside, outsiders_first, axis=1), -1, neighbour[rows])
    return neighbour


def chance_accuracy(answer: np.ndarray) -> float:
    """Returns the best accuracy without any embedding: the share of the most frequent answer.

    Args:
        answer: Labels or images, (N,).

    Returns:
        The accuracy in (0, 1]; 1 / classes if all are equally frequent.
    """
    _, frequency = np.unique(answer, return_counts=True)
    return float(frequency.max() / frequency.sum())


def cluster_nmi(embedding: np.ndarray, label: np.ndarray, clusters: int | None = None, seed: int = 0) -> float:
    """Returns the normalised mutual information (arithmetic mean) of labels and k-means clusters of the embedding.

    Args:
        embedding: Finite embedding, (N, D).
        label: Degradation of each sample, (N,).
        clusters: Number of clusters; by default as many as there are labels.
        seed: Seed of the initial centres.

    Returns:
        The NMI in [0, 1]. Independent labels give slightly more than 0, see `chance_nmi`.

    Raises:
        ValueError: The shapes disagree, the embedding is not finite, or it has fewer samples than clusters.
    """
    return _nmi(label, spherical_kmeans(embedding, clusters or len(np.unique(label)), seed))


def chance_nmi(label: np.ndarray, seed: int = 0) -> float:
    """Returns the mean `cluster_nmi` of 20 random clusterings whose sizes are those of the labels.

    Args:
        label: Degradation of each sample, (N,).
        seed: Seed of the shuffles.

    Returns:
        The NMI in [0, 1], which falls with the number of samples per label.
    """
    generator = np.random.default_rng(seed)
    return float(np.mean([_nmi(label, generator.permutation(label)) for _ in range(SHUFFLES)]))


def _nmi(label: np.ndarray, cluster: np.ndarray) -> float:
    (_, label), (_, cluster) = (np.unique(one, return_inverse=True) for one in (label, cluster))
    return float(normalised_mutual_information(contingency(label, cluster, np.zeros(len(label), np.int64))[0]))


def spherical_kmeans(embedding: np.ndarray, clusters: int, seed: int = 0) -> np.ndarray:
    """Clusters samples by k-means with the cosine (faiss), the best of several starts from k-means++ centres.

    Rows and centres are L2-normalised, so that clusters and neighbours live in the same space. Random initial
    centres (faiss's own) merge well-separated clusters in most starts, hence k-means++.

    Args:
        embedding: Finite embedding, (N, D).
        clusters: Number of clusters.
        seed: Seed of the initial centres.

    Returns:
        The cluster of each sample, (N,), in [0, clusters).

    Raises:
        ValueError: The embedding is not finite or has fewer samples than clusters.

    Source: Dhillon and Modha, "Concept decompositions for large sparse text data using clustering", 2001.
    """
    import faiss
    from sklearn.cluster import kmeans_plusplus

    unit = unit_rows(embedding)
    if not 1 <= clusters <= len(unit):
        raise ValueError(f"{clusters} clusters of {len(unit)} samples: choose from 1 to the number of samples")
    best_similarity, cluster = -np.inf, np.zeros(len(unit), dtype=np.int64)
    for start in range(KMEANS_RESTARTS):
        centres, _ = kmeans_plusplus(unit, clusters, random_state=seed + start)
        kmeans = faiss.Kmeans(
            unit.shape[1],
            clusters,
            niter=KMEANS_ITERATIONS,
            spherical=True,
            seed=seed,
            max_points_per_centroid=len(unit),
            min_points_per_centroid=1,
        )
        kmeans.train(unit, init_centroids=centres)
        similarity, nearest = kmeans.index.search(unit, 1)  # (N, 1)
        if similarity.sum() > best_similarity:
            best_similarity, cluster = similarity.sum(), nearest[:, 0]
    return cluster


def unit_rows(embedding: np.ndarray, *per_sample: np.ndarray) -> np.ndarray:
    """Checks an embedding and scales its rows to length 1 (a row of zeros stays).

    Args:
        embedding: Finite embedding, (N, D).
        per_sample: Arrays that must have the shape (N,).

    Returns:
        The unit vectors, (N, D) float32, contiguous.

    Raises:
        ValueError: The shapes disagree or the embedding is not finite.
    """
    if embedding.ndim != 2 or embedding.size == 0:
        raise ValueError(f"expected an embedding of shape (N, D) with N, D > 0, got {embedding.shape}")
    for array in per_sample:
        if array.shape != embedding.shape[:1]:
            raise ValueError(
                f"expected a label and an image for each of {len(embedding)} embeddings, got {array.shape}"
            )
    bad_rows = ~np.isfinite(embedding).all(1)
    if bad_rows.any():
        raise ValueError(f"{bad_rows.sum()} of {len(embedding)} embeddings are NaN or infinite")
    embedding = np.asarray(embedding, dtype=np.float64)  # squares of float32 overflow from 1e19 on
    norm = np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.ascontiguousarray(embedding / np.maximum(norm, np.finfo(np.float64).tiny), dtype=np.float32)
