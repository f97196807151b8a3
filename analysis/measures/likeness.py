"""What an encoder says of images whose degradation nobody knows, by holding them against a probe set."""

from dataclasses import dataclass

import numpy as np

from analysis.embedding.blocks import unit_blocks
from analysis.embedding.probe_sets import ProbeSet
from shared.degradations import format_reading
from shared.probing.measures import nearest_outside, spherical_kmeans, unit_rows
from shared.probing.ridge import fit_ridge, r_squared, ridge_predictions

NEIGHBOURS = 10
READ_FROM = 0.3  # R^2 on the probe set below which a parameter is not told: the encoder hardly reads it
UNLIKE = 0.01  # quantile of the probe set's own similarities below which an image is like nothing in it
MOST_CLUSTERS = 8


@dataclass(frozen=True)
class Likeness:
    """Of M patches of K images.

    Attributes:
        parameters: (M,) read by linear probes, by name, in the units of `ProbeSet.parameters`; only those that the
            encoder reads.
        not_read: R^2 on the probe set of the others.
        votes: (M, G) share of each patch's nearest probe patches that have each listed degradation.
        similarity: (M,) mean cosine to the nearest probe patches.
        typical: the `UNLIKE` quantile of the same among probe patches of different images.
    """

    parameters: dict[str, np.ndarray]
    not_read: dict[str, float]
    votes: np.ndarray
    similarity: np.ndarray
    typical: float

    def sentence(self, rows: np.ndarray, names: list[str]) -> str:
        """What the patches `rows` of one image look like, in words."""
        read = {name: float(np.median(values[rows])) for name, values in self.parameters.items()}
        words = format_reading(
            blur_width=read.get("blur_width"), anisotropy=read.get("anisotropy", 0.0),
            angle=_mean_angle(self.parameters["angle"][rows]) if "angle" in read else None, noise=read.get("noise"),
            jpeg_quality=read.get("jpeg_quality", 100.0),
        )  # fmt: skip
        share = self.votes[rows].mean(0)
        nearest = [f"{names[i]} ({100 * share[i]:.0f} %)" for i in np.argsort(-share)[:2] if share[i] > 0]
        parts = [words] if words else []
        parts += [f"nearest to {' and '.join(nearest)}"] if nearest else []
        if np.median(self.similarity[rows]) < self.typical:
            parts.append("unlike anything in the probe set")
        return "; ".join(parts)


def likeness(embedding: np.ndarray, probe: ProbeSet, of_probe: np.ndarray) -> Likeness:
    """Holds patches against a probe set.

    Args:
        embedding: (M, D) of the patches; may be memory-mapped, it is read block by block.
        probe: the probe set.
        of_probe: (N, D), its embedding by the same network.

    Raises:
        ValueError: an embedding is not finite.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # the pools of numpy, faiss and torch spin while they wait for each other
        return _likeness(embedding, probe, of_probe)


def _likeness(embedding: np.ndarray, probe: ProbeSet, of_probe: np.ndarray) -> Likeness:
    import faiss

    image = probe.image.numpy()
    targets = {name: values.reshape(len(probe), -1) for name, values in probe.targets().items()}
    r2 = _read_from_left_out_images(of_probe, targets, image)
    probes = {name: fit_ridge(of_probe, targets[name], image) for name, value in r2.items() if value >= READ_FROM}
    theirs = unit_rows(of_probe)
    index = faiss.IndexFlatIP(theirs.shape[1])
    index.add(theirs)
    votes = np.empty((len(embedding), len(probe.names)), np.float32)
    similarity = np.empty(len(embedding))
    predicted = {name: np.empty((len(embedding), len(one.bias))) for name, one in probes.items()}
    for rows, unit in unit_blocks(embedding):
        nearness, neighbour = index.search(unit, NEIGHBOURS)  # (m, k)
        similarity[rows] = nearness.mean(1)
        votes[rows] = (probe.label[neighbour][..., None] == np.arange(len(probe.names))).mean(1)
        for name, one in probes.items():
            predicted[name][rows] = one(embedding[rows])
    across = nearest_outside(of_probe, image, NEIGHBOURS)
    usual = np.einsum("nd,nkd->nk", theirs, theirs[across]).mean(1)
    not_read = {name: value for name, value in r2.items() if name not in probes}
    return Likeness(_in_units(predicted), not_read, votes, similarity, float(np.quantile(usual, UNLIKE)))


def _read_from_left_out_images(
    of_probe: np.ndarray, targets: dict[str, np.ndarray], image: np.ndarray
) -> dict[str, float]:
    """R^2 of each target (N, P); in one run, as targets known for the same samples share their decompositions."""
    if not targets:
        return {}
    predicted = ridge_predictions(of_probe, np.concatenate(list(targets.values()), axis=1), image)
    starts = np.cumsum([values.shape[1] for values in targets.values()])[:-1]
    found = np.split(predicted, starts, axis=1)
    return {name: r_squared(values, one) for (name, values), one in zip(targets.items(), found, strict=True)}


def clusters_of(embedding: np.ndarray, image: np.ndarray, seed: int = 0) -> np.ndarray:
    """(K,) cluster of each image, from the mean of its patches; as many clusters as have the best silhouette.

    One cluster where there are fewer than four images, or no number of clusters has a positive silhouette.
    """
    from sklearn.metrics import silhouette_score

    means = np.zeros((int(image.max()) + 1, embedding.shape[1]))
    for rows, unit in unit_blocks(embedding):
        np.add.at(means, image[rows], unit)
    means /= np.bincount(image)[:, None]
    best, found = 0.0, np.zeros(len(means), dtype=np.int64)
    for count in range(2, min(MOST_CLUSTERS, len(means) - 1) + 1) if len(means) >= 4 else ():
        cluster = spherical_kmeans(means, count, seed)
        if len(np.unique(cluster)) < 2:
            continue
        score = float(silhouette_score(unit_rows(means), cluster, metric="cosine"))
        if score > best:
            best, found = score, cluster
    return np.unique(found, return_inverse=True)[1]


def _in_units(predicted: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """From what probes read to the units of `ProbeSet.parameters`."""
    units = {}
    for name, values in predicted.items():
        if name == "angle":
            units["angle"] = np.degrees(np.arctan2(values[:, 0], values[:, 1])) / 2 % 180
        elif name == "log_sigma":
            units["blur_width"] = np.exp(values[:, 0])
        elif name == "noise_sigma":
            units["noise"] = 255 * values[:, 0]
        else:
            units[name] = values[:, 0]
    return units


def _mean_angle(degrees: np.ndarray) -> float:
    """Mean direction of axes, in [0, 180)."""
    twice = np.exp(2j * np.radians(degrees)).mean()
    return float(np.degrees(np.angle(twice)) / 2 % 180)
