"""Readings of images of unknown degradation, by comparing them with a probe set."""

from dataclasses import dataclass

import numpy as np

from analysis.embedding.blocks import unit_blocks
from shared.probing import ProbeSet, describe_readings, fit_reader, nearest_outside, unit_rows

NEIGHBOURS = 10
UNLIKE_QUANTILE = 0.01  # of the similarities within the probe set; an image below it resembles nothing in the probe set


@dataclass(frozen=True)
class ImageReading:
    """Readings of M patches of K images.

    Attributes:
        parameters: Parameters read by linear probes, by name, (M,) each, in the units of `ProbeSet.parameters`; only
            those that are read reliably.
        unreliable: R^2 of the other parameters on the probe set.
        votes: Share of each patch's nearest probe patches under each listed degradation, (M, G).
        similarity: Mean cosine of each patch to its nearest probe patches, (M,).
        typical: The `UNLIKE_QUANTILE` of the same similarity among probe patches of different images.
    """

    parameters: dict[str, np.ndarray]
    unreliable: dict[str, float]
    votes: np.ndarray
    similarity: np.ndarray
    typical: float

    def describe(self, rows: np.ndarray, names: list[str]) -> str:
        """Describes the degradation of one image.

        Args:
            rows: Mask of the patches of the image, (M,) bool.
            names: Names of the G listed degradations.
        """
        text = describe_readings({name: values[rows] for name, values in self.parameters.items()})
        share = self.votes[rows].mean(0)
        nearest = [f"{names[i]} ({100 * share[i]:.0f} %)" for i in np.argsort(-share)[:2] if share[i] > 0]
        parts = [text] if text else []
        parts += [f"nearest to {' and '.join(nearest)}"] if nearest else []
        if np.median(self.similarity[rows]) < self.typical:
            parts.append("unlike anything in the probe set")
        return "; ".join(parts)


def read_images(embedding: np.ndarray, probe: ProbeSet, probe_embedding: np.ndarray) -> ImageReading:
    """Reads the degradations of patches by linear probes of a probe set, and compares the patches with it.

    Args:
        embedding: Embedding of the patches, (M, D); may be memory-mapped, it is read block by block.
        probe: Probe set with N patches.
        probe_embedding: Its embedding by the same network, (N, D).

    Raises:
        ValueError: An embedding is not finite.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # the pools of numpy, faiss and torch spin while they wait for each other
        return _read(embedding, probe, probe_embedding)


def _read(embedding: np.ndarray, probe: ProbeSet, probe_embedding: np.ndarray) -> ImageReading:
    import faiss

    reader = fit_reader(probe_embedding, probe)
    probe_unit = unit_rows(probe_embedding)
    index = faiss.IndexFlatIP(probe_unit.shape[1])
    index.add(probe_unit)
    votes = np.empty((len(embedding), len(probe.names)), np.float32)
    similarity = np.empty(len(embedding))
    readings = []
    for rows, unit in unit_blocks(embedding):
        cosine, neighbour = index.search(unit, NEIGHBOURS)  # (m, k)
        similarity[rows] = cosine.mean(1)
        votes[rows] = (probe.label[neighbour][..., None] == np.arange(len(probe.names))).mean(1)
        readings.append(reader.read(embedding[rows]))
    across = nearest_outside(probe_embedding, probe.image.numpy(), NEIGHBOURS)
    usual = np.einsum("nd,nkd->nk", probe_unit, probe_unit[across]).mean(1)
    parameters = {name: np.concatenate([reading[name] for reading in readings]) for name in readings[0]}
    return ImageReading(parameters, reader.unreliable, votes, similarity, float(np.quantile(usual, UNLIKE_QUANTILE)))
