"""How far a run's contrastive loss is above the least that its views allow."""

from collections.abc import Callable

import numpy as np

from analysis.geometry import contrastive_floor, information_read
from analysis.probe_sets import ProbeSet, build_probe_set, load_probe_space, source_side
from analysis.run_log import final_loss
from analysis.subjects import Subject
from shared.degradations.summary import targets
from shared.image_store import ImageStore
from shared.ridge_probe import ridge_predictions

PATCHES = 1000  # of the training space, from which the probes read


def loss_note(
    subject: Subject, store: ImageStore, seed: int, embed: Callable[[Subject, ProbeSet], np.ndarray]
) -> list[str]:
    """A sentence on the loss that a subject's run ended with; nothing where the run's log does not tell it.

    What two views of one degradation share is measured as the run saw them: patches of its size, of its space.

    Args:
        subject: a trained encoder.
        store: images that it was not trained on.
        seed: of the patches.
        embed: gives a subject's embedding (N, D) of a probe set.
    """
    ended = final_loss(subject.path) if subject.path and subject.patch else None
    probe = _training_views(subject, store, seed) if ended else None
    if ended is None or probe is None:
        return []
    parameters = targets(probe.degradation).numpy()
    parameters = parameters[:, np.ptp(parameters, axis=0) > 1e-6]
    image = probe.image.numpy()
    read = information_read(parameters, ridge_predictions(embed(subject, probe), parameters, image))
    floor = contrastive_floor(ended.negatives, read)
    words = (
        f"its contrastive loss ended at {ended.loss:.2f} nats against {ended.negatives} negatives; two patches of "
        f"space {probe.name} share {read:.2f} nats as far as linear probes read them, with which it could be "
        f"{floor:.2f} at least"
    )
    return [f"{words}: something else lowered it too, such as content" if ended.loss < floor else words]


def _training_views(subject: Subject, store: ImageStore, seed: int) -> ProbeSet | None:
    """Patches as the subject was trained on; None where its space is gone, or the images are too few or too small."""
    try:
        space = load_probe_space(subject.space)
        side = source_side(space, subject.patch)
        large = [i for i in range(len(store)) if min(store.heights[i], store.widths[i]) >= side]
        return build_probe_set(space, store.select(large), patch=subject.patch, size=PATCHES, seed=seed)
    except ValueError:
        return None
