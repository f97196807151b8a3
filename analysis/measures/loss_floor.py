"""Lower bound of a run's contrastive loss, from what linear probes read of the information that its views share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from analysis.embedding.embedders import Embedder
from analysis.embedding.probe_spaces import load_probe_space
from analysis.measures.geometry import contrastive_floor, estimate_information
from analysis.measures.run_log import read_final_loss
from shared.data.store import ImageStore
from shared.degradations.summary import summarise_as_vector
from shared.probing import (
    ProbeSet,
    bootstrap_over_images,
    build_probe_set,
    percentile_interval,
    recentre,
    ridge_predictions,
    source_side,
)

PATCHES = 1000  # patches of the training space on which the probes are evaluated


@dataclass(frozen=True)
class LossFloor:
    """A run's contrastive loss and its lower bound, in nats.

    Attributes:
        loss: Mean loss at the end of training.
        negative_rows: Number of other rows, each with a degradation of its own, whose keys are each query's negatives.
        space: Name of the degradation space.
        read: Information that two patches of one degradation share, as far as linear probes read it.
        interval: 95 % interval of `read` over images.
    """

    loss: float
    negative_rows: int
    space: str
    read: float
    interval: tuple[float, float]

    @property
    def floor(self) -> float:
        """Lower bound of the loss of views that share no more information than is read."""
        return contrastive_floor(self.negative_rows, self.read)

    def describe(self) -> str:
        """Describes the loss and its bound in a sentence."""
        low, high = self.interval
        shared = f"{self.read:.2f} [{low:.2f}, {high:.2f}] nats in common, as far as linear probes read it"
        text = (
            f"its contrastive loss ended at {self.loss:.2f}, with the keys of {self.negative_rows} other degradations "
            f"as negatives; two patches of one degradation of the space {self.space} have {shared}, and views that "
            f"have no more in common cannot get below a loss of {self.floor:.2f}"
        )
        distance = self.loss - self.floor
        if distance < 0:
            return (
                f"{text}; the loss is {-distance:.2f} lower, so the encoder uses more than linear probes read: the "
                "content, or nonlinear features of the degradation"
            )
        return f"{text}; the loss is {distance:.2f} higher"

    def to_dict(self) -> dict[str, Any]:
        """Converts to plain values."""
        return {
            "loss": self.loss,
            "negative_rows": self.negative_rows,
            "space": self.space,
            "read": self.read,
            "read_interval": list(self.interval),
            "floor": self.floor,
            "distance": self.loss - self.floor,
        }


def estimate_loss_floor(
    embedder: Embedder, store: ImageStore, embed: Callable[[Embedder, ProbeSet], np.ndarray], *, repeats: int, seed: int
) -> LossFloor | str | None:
    """Compares an embedder's loss with its lower bound; returns a sentence if that fails, None if no log has the loss.

    The information that two views share is measured under the run's conditions: patches of its size, of its space.

    Args:
        embedder: Trained encoder, opened at its vector.
        store: Images that it was not trained on.
        embed: Function that gives an embedder's embedding (N, D) of a probe set.
        repeats: Bootstrap draws over images.
        seed: Seed of patches and draws.
    """
    final = read_final_loss(embedder.path) if embedder.path and embedder.patch else None
    if final is None:
        return None
    try:
        space = load_probe_space(embedder.space)
        side = source_side(space, embedder.patch)
        large = [i for i in range(len(store)) if min(store.heights[i], store.widths[i]) >= side]
        probe = build_probe_set(space, store.select(large), patch=embedder.patch, size=PATCHES, seed=seed)
    except ValueError as error:
        return f"its contrastive loss cannot be compared with a lower bound: {error}"
    parameters = summarise_as_vector(probe.degradation).numpy()
    parameters = parameters[:, np.ptp(parameters, axis=0) > 1e-6]
    image = np.unique(probe.image.numpy(), return_inverse=True)[1]
    predicted = ridge_predictions(embed(embedder, probe), parameters, image)
    read = estimate_information(parameters, predicted)
    draws = bootstrap_over_images(partial(_estimate_rows, parameters, predicted), image, repeats, seed)
    interval = percentile_interval(recentre(draws, read), int(image.max()) + 1, (0, math.inf))
    return LossFloor(final.loss, final.negative_rows, space.name, read, interval)


def _estimate_rows(parameters: np.ndarray, predicted: np.ndarray, rows: np.ndarray) -> float:
    return estimate_information(parameters[rows], predicted[rows])
