"""Two-dimensional maps of an embedding, to look at: never to measure on."""

import math
import warnings

import numpy as np

from analysis.embedding.blocks import draw_even_rows
from shared.probing import unit_rows

NEIGHBOURS = 15  # umap's own default
DIRECTIONS = 50  # principal components that UMAP sees: faster, and nothing visible changed on 2,000 probe patches

CUT = 0.005  # of the points on each side do not set the frame of a map
BEYOND = 0.2  # of the range of the others, up to which they are in it all the same
COMPARED = 5000  # samples, all pairs of which trustworthiness looks at
MARGIN = 0.53  # half the side of the frame, of the range that it shows


def pca_map(embedding: np.ndarray, dimensions: int = 2) -> np.ndarray:
    """First principal components of the L2-normalised samples, (N, dimensions), 0 where there are fewer."""
    from sklearn.decomposition import PCA

    unit = unit_rows(embedding)
    found = min(dimensions, *unit.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # samples that all coincide have no variance to explain
        coordinates = PCA(found, svd_solver="randomized", random_state=0).fit_transform(unit)
    return np.pad(coordinates.astype(np.float64), ((0, 0), (0, dimensions - found)))


def umap_map(embedding: np.ndarray, seed: int = 0) -> np.ndarray:
    """UMAP by cosine distance, (N, 2); the same for the same seed. Some 20 s in a new process, then a few.

    An embedding whose samples all coincide gives its PCA map: one point.

    Source: McInnes et al., "UMAP: uniform manifold approximation and projection", 2018.
    """
    reduced = pca_map(embedding, DIRECTIONS)
    if len(reduced) <= NEIGHBOURS + 1 or float(np.ptp(reduced, axis=0).max()) < 1e-6:
        return reduced[:, :2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP  # 5 s, only for those who draw

        mapper = UMAP(n_neighbors=NEIGHBOURS, random_state=seed, n_jobs=1)
        return np.asarray(mapper.fit_transform(reduced.astype(np.float32)), dtype=np.float64)


def frame_of(map_: np.ndarray) -> tuple[np.ndarray, float, int]:
    """The square that a map is drawn in: its middle (2,), half its side, and the number of points outside.

    A few far islands do not set it: points further out than `BEYOND` of the range of the middle 99 % are left outside.
    """
    low, high = np.quantile(map_, (CUT, 1 - CUT), axis=0)
    reach = BEYOND * float((high - low).max())
    low, high = np.maximum(low - reach, map_.min(0)), np.minimum(high + reach, map_.max(0))
    half = MARGIN * float((high - low).max()) or 1.0
    middle = (low + high) / 2
    return middle, half, int((np.abs(map_ - middle) > half).any(1).sum())


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
    """How far neighbours on the map are neighbours in the embedding (by cosine), in [0, 1]; NaN for too few samples.

    Of more than 5,000 samples, among 5,000 of them, drawn evenly: it compares all pairs.

    Source: Venna and Kaski, "Neighborhood preservation in nonlinear projection methods", 2001.
    """
    from sklearn.manifold import trustworthiness as of_sklearn

    if len(map_) <= 2 * neighbours:
        return float("nan")
    rows = draw_even_rows(len(map_), COMPARED, seed=0)
    embedding, map_ = embedding[rows], map_[rows]
    return float(of_sklearn(unit_rows(embedding), map_, n_neighbors=neighbours, metric="cosine"))
