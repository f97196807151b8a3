"""What an encoder says of images whose degradation nobody knows, by comparing them with a probe set."""

from dataclasses import dataclass

import numpy as np

from analysis.embedding.blocks import unit_blocks
from shared.probing import ProbeSet, describe_readings, fit_reader, nearest_outside, unit_rows

NEIGHBOURS = 10
UNLIKE_QUANTILE = 0.01  # of the probe set's own similarities; an image below it is like nothing in the probe set


@dataclass(frozen=True)
class ImageReading:
    """What was read from M patches of K images.

    Attributes:
        parameters: (M,) read by linear probes, by name, in the units of `ProbeSet.parameters`; only those that are read
            reliably.
        unreliable: R^2 on the probe set of the others.
        votes: (M, G) share of each patch's nearest probe patches that have each listed degradation.
        similarity: (M,) mean cosine to the nearest probe patches.
        typical: the `UNLIKE_QUANTILE` of the same among probe patches of different images.
    """

    parameters: dict[str, np.ndarray]
    unreliable: dict[str, float]
    votes: np.ndarray
    similarity: np.ndarray
    typical: float

    def describe(self, rows: np.ndarray, names: list[str]) -> str:
        """Describes what one image looks like.

        Args:
            rows: (M,) bool, the patches of the image.
            names: G, of the listed degradations.
        """
        words = describe_readings({name: values[rows] for name, values in self.parameters.items()})
        share = self.votes[rows].mean(0)
        nearest = [f"{names[i]} ({100 * share[i]:.0f} %)" for i in np.argsort(-share)[:2] if share[i] > 0]
        parts = [words] if words else []
        parts += [f"nearest to {' and '.join(nearest)}"] if nearest else []
        if np.median(self.similarity[rows]) < self.typical:
            parts.append("unlike anything in the probe set")
        return "; ".join(parts)


def read_images(embedding: np.ndarray, probe: ProbeSet, of_probe: np.ndarray) -> ImageReading:
    """Reads the degradations of patches by linear probes of a probe set, and compares the patches with it.

    Args:
        embedding: (M, D) of the patches; may be memory-mapped, it is read block by block.
        probe: the probe set.
        of_probe: (N, D), its embedding by the same network.

    Raises:
        ValueError: an embedding is not finite.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # the pools of numpy, faiss and torch spin while they wait for each other
        return _read(embedding, probe, of_probe)


def _read(embedding: np.ndarray, probe: ProbeSet, of_probe: np.ndarray) -> ImageReading:
    import faiss

    reader = fit_reader(of_probe, probe)
    theirs = unit_rows(of_probe)
    index = faiss.IndexFlatIP(theirs.shape[1])
    index.add(theirs)
    votes = np.empty((len(embedding), len(probe.names)), np.float32)
    similarity = np.empty(len(embedding))
    readings = []
    for rows, unit in unit_blocks(embedding):
        nearness, neighbour = index.search(unit, NEIGHBOURS)  # (m, k)
        similarity[rows] = nearness.mean(1)
        votes[rows] = (probe.label[neighbour][..., None] == np.arange(len(probe.names))).mean(1)
        readings.append(reader.read(embedding[rows]))
    across = nearest_outside(of_probe, probe.image.numpy(), NEIGHBOURS)
    usual = np.einsum("nd,nkd->nk", theirs, theirs[across]).mean(1)
    parameters = {name: np.concatenate([one[name] for one in readings]) for name in readings[0]}
    return ImageReading(parameters, reader.unreliable, votes, similarity, float(np.quantile(usual, UNLIKE_QUANTILE)))
