"""Which probe set a command takes, of images that no encoder was trained on."""

from collections.abc import Sequence

from analysis.config import AnalysisConfig
from analysis.embedding.embedders import Embedder, explain_missing_ceiling
from analysis.embedding.probe_spaces import load_probe_space
from shared.data.fingerprints import fingerprints, unseen
from shared.data.sources import open_images
from shared.probing import ProbeSet, build_probe_set, source_side


def choose_probe(config: AnalysisConfig, embedders: Sequence[Embedder]) -> tuple[ProbeSet, list[Embedder], list[str]]:
    """Draws the probe set that the options ask for, of held-out images that no embedder was trained on.

    Returns:
        The probe set; the embedders without a supervised run that nobody asked for and that was trained on its images;
        sentences on what is left out.

    Raises:
        ValueError: fewer than two such images are left, or the options do not fit.
    """
    space = load_probe_space(config.probe)
    _, held_out = open_images(config.data, source_side(space, config.patch))
    requested = [one for one in embedders if one.requested]
    store, known = unseen(held_out, frozenset[str]().union(*(one.seen for one in requested)))
    notes = []
    if known:
        by = ", ".join(one.name for one in requested if one.seen & set(fingerprints(held_out)))
        if len(store) < 2:
            raise ValueError(
                f"{len(known)} of the {len(held_out)} held-out images are among those that {by} was trained on: give "
                "other images, data=folder data.root=FOLDER"
            )
        notes.append(f"left out {len(known)} held-out images that {by} was trained on: {', '.join(known)}")
    own = set(fingerprints(store))
    kept = [one for one in embedders if one.requested or not one.seen & own]
    reason = "it was trained on images of the probe set"
    notes += [explain_missing_ceiling(one.path, reason) for one in embedders if one not in kept]
    probe = build_probe_set(space, store, patch=config.patch, size=config.size, seed=config.seed)
    if len(probe.store) < len(store):
        notes.append(f"{len(probe.store)} of {len(store)} held-out images: more do not go into size={config.size}")
    return probe, kept, notes
