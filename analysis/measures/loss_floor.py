"""How far a run's contrastive loss is above the least that its views allow, as far as probes read what they share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from analysis.embedding.embedders import Subject
from analysis.embedding.probe_sets import ProbeSet, build_probe_set, load_probe_space, source_side
from analysis.measures.geometry import contrastive_floor, information_read
from analysis.measures.run_log import final_loss
from shared.data import ImageStore
from shared.degradations import summarise_as_vector
from shared.probing.bootstrap import bootstrap_over_images, centred, percentile_interval
from shared.probing.ridge import ridge_predictions

PATCHES = 1000  # of the training space, from which the probes read


@dataclass(frozen=True)
class LossFloor:
    """A run's contrastive loss in nats, and the least that it could be.

    Attributes:
        loss: at the end of the run.
        negative_rows: whose keys each query was held against, each a degradation of its own.
        space: of the degradations.
        read: what two patches of one degradation share, as far as linear probes read it.
        interval: 95 % interval of `read` over images.
    """

    loss: float
    negative_rows: int
    space: str
    read: float
    interval: tuple[float, float]

    @property
    def floor(self) -> float:
        """Of views that share no more than what is read."""
        return contrastive_floor(self.negative_rows, self.read)

    def sentence(self) -> str:
        """For the reader."""
        low, high = self.interval
        words = (
            f"its contrastive loss ended at {self.loss:.2f} nats against the keys of {self.negative_rows} other "
            f"degradations; two patches of one degradation of space {self.space} share {self.read:.2f} [{low:.2f}, "
            f"{high:.2f}] nats as far as linear probes read them, with which {self.floor:.2f} is the least"
        )
        distance = self.loss - self.floor
        if distance < 0:
            return f"{words}: {-distance:.2f} below it, so it knows more of them, the content or what no line reads"
        return f"{words}: {distance:.2f} above it"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "loss": self.loss, "negative_rows": self.negative_rows, "space": self.space, "read": self.read,
            "read_interval": list(self.interval), "floor": self.floor, "distance": self.loss - self.floor,
        }  # fmt: skip


def loss_floor(
    subject: Subject, store: ImageStore, embed: Callable[[Subject, ProbeSet], np.ndarray], *, repeats: int, seed: int
) -> LossFloor | str | None:
    """What is known of a subject's loss; or why it cannot be held against a floor; None where no run log tells it.

    What two views of one degradation share is measured as the run saw them: patches of its size, of its space.

    Args:
        subject: a trained encoder, at its vector.
        store: images that it was not trained on.
        embed: gives a subject's embedding (N, D) of a probe set.
        repeats: draws of the images behind the interval.
        seed: of patches and draws.
    """
    ended = final_loss(subject.path) if subject.path and subject.patch else None
    if ended is None:
        return None
    try:
        space = load_probe_space(subject.space)
        side = source_side(space, subject.patch)
        large = [i for i in range(len(store)) if min(store.heights[i], store.widths[i]) >= side]
        probe = build_probe_set(space, store.select(large), patch=subject.patch, size=PATCHES, seed=seed)
    except ValueError as error:
        return f"its contrastive loss cannot be held against a floor: {error}"
    parameters = summarise_as_vector(probe.degradation).numpy()
    parameters = parameters[:, np.ptp(parameters, axis=0) > 1e-6]
    image = np.unique(probe.image.numpy(), return_inverse=True)[1]
    predicted = ridge_predictions(embed(subject, probe), parameters, image)
    read = information_read(parameters, predicted)
    draws = bootstrap_over_images(partial(_read, parameters, predicted), image, repeats, seed)
    interval = percentile_interval(centred(draws, read), int(image.max()) + 1, (0, math.inf))
    return LossFloor(ended.loss, ended.negative_rows, space.name, read, interval)


def _read(parameters: np.ndarray, predicted: np.ndarray, rows: np.ndarray) -> float:
    return information_read(parameters[rows], predicted[rows])
