"""Two-dimensional maps of an embedding, for inspection only: all measures use the embedding itself."""

import math
import warnings

import numpy as np
import torch

from analysis.embedding.blocks import draw_even_rows
from shared.probing import unit_rows

NEIGHBOURS = 15  # umap's own default
UMAP_COMPONENTS = 50  # principal components as UMAP's input: faster, and no visible change on 2,000 probe patches

TAIL = 0.005  # share of the points on each side that do not determine the frame of a map
MAX_OVERSHOOT = 0.2  # distance of such points from the others, in ranges of the others, within which they are shown
MAX_COMPARED = 5000  # samples in the trustworthiness, which compares all pairs
HALF_SIDE = 0.53  # half the side of the frame, in ranges of the points that it shows


def pca_map(embedding: np.ndarray, dimensions: int = 2) -> np.ndarray:
    """Projects the L2-normalised samples onto their first principal components.

    Args:
        embedding: Samples, (N, D).
        dimensions: Number of components; those beyond min(N, D) are 0.

    Returns:
        Coordinates, (N, dimensions).
    """
    from sklearn.decomposition import PCA

    unit = unit_rows(embedding)
    count = min(dimensions, *unit.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # identical samples have no variance to explain
        coordinates = PCA(count, svd_solver="randomized", random_state=0).fit_transform(unit)
    return np.pad(coordinates.astype(np.float64), ((0, 0), (0, dimensions - count)))


def umap_map(embedding: np.ndarray, seed: int = 0) -> np.ndarray:
    """Computes the UMAP by cosine distance; about 20 s in a new process, a few seconds after that.

    Falls back to the PCA map where UMAP has no meaning: too few samples, or samples that are all identical.

    Args:
        embedding: Samples, (N, D).
        seed: Seed of UMAP; the same seed gives the same map.

    Returns:
        Coordinates, (N, 2).

    Source: McInnes et al., "UMAP: uniform manifold approximation and projection", 2018.
    """
    reduced = pca_map(embedding, UMAP_COMPONENTS)
    if len(reduced) <= NEIGHBOURS + 1 or float(np.ptp(reduced, axis=0).max()) < 1e-6:
        return reduced[:, :2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP  # imported late: 5 s

        mapper, threads = UMAP(n_neighbors=NEIGHBOURS, random_state=seed, n_jobs=1), torch.get_num_threads()
        try:
            return np.asarray(mapper.fit_transform(reduced.astype(np.float32)), dtype=np.float64)
        finally:
            torch.set_num_threads(threads)  # numba changes it for the whole process, and with it the sums of torch


def frame_of(map_: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Finds the square in which a map is drawn; a few distant islands do not determine it.

    Points further from the central 99 % than `MAX_OVERSHOOT` of their range are left outside.

    Args:
        map_: Points, (N, 2).

    Returns:
        Centre of the square (2,), half its side, and the number of points outside.
    """
    low, high = np.quantile(map_, (TAIL, 1 - TAIL), axis=0)
    reach = MAX_OVERSHOOT * float((high - low).max())
    low, high = np.maximum(low - reach, map_.min(0)), np.minimum(high + reach, map_.max(0))
    half = HALF_SIDE * float((high - low).max()) or 1.0
    centre = (low + high) / 2
    return centre, half, int((np.abs(map_ - centre) > half).any(1).sum())


def project(embedding: np.ndarray, method: str, seed: int = 0) -> tuple[np.ndarray, float]:
    """Draws the two-dimensional map of an embedding.

    Args:
        embedding: (N, D), finite.
        method: `umap` or `pca`.
        seed: of UMAP.

    Returns:
        (N, 2), and how far it can be trusted, see `trustworthiness`.
    """
    map_ = umap_map(embedding, seed) if method == "umap" else pca_map(embedding)
    return map_, trustworthiness(embedding, map_)


def format_trust(trustworthiness: float) -> str:
    """The words behind a map's name; none where it has too few points to be judged."""
    return "" if math.isnan(trustworthiness) else f", trustworthiness {trustworthiness:.2f}"


def trustworthiness(embedding: np.ndarray, map_: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """Computes the trustworthiness of a map: to what extent its neighbours are neighbours in the embedding.

    It compares all pairs; of more than `MAX_COMPARED` samples, an evenly spaced subset represents all.

    Args:
        embedding: Samples, (N, D), compared by cosine distance.
        map_: Their points on the map, (N, 2).
        neighbours: Number of neighbours of each sample.

    Returns:
        Trustworthiness in [0, 1]; NaN for too few samples.

    Source: Venna and Kaski, "Neighborhood preservation in nonlinear projection methods", 2001.
    """
    from sklearn.manifold import trustworthiness as sklearn_trustworthiness

    if len(map_) <= 2 * neighbours:
        return float("nan")
    rows = draw_even_rows(len(map_), MAX_COMPARED, seed=0)
    embedding, map_ = embedding[rows], map_[rows]
    return float(sklearn_trustworthiness(unit_rows(embedding), map_, n_neighbors=neighbours, metric="cosine"))
