"""Choice of a probe set, from images that no encoder was trained on."""

from collections.abc import Sequence

from analysis.config import AnalysisConfig
from analysis.embedding.embedders import Embedder, explain_missing_ceiling
from analysis.embedding.probe_spaces import load_probe_space
from shared.data.fingerprints import fingerprint_images, remove_seen_images
from shared.data.sources import open_images
from shared.probing import ProbeSet, build_probe_set, source_side


def choose_probe(config: AnalysisConfig, embedders: Sequence[Embedder]) -> tuple[ProbeSet, list[Embedder], list[str]]:
    """Draws the probe set of a configuration from held-out images that no embedder was trained on.

    Returns:
        The probe set; the embedders, without a supervised run that was not requested if it was trained on images of
        the probe set; notes on what is omitted.

    Raises:
        ValueError: Fewer than two such images are left, or the options contradict each other.
    """
    space = load_probe_space(config.probe)
    _, held_out = open_images(config.data, source_side(space, config.patch))
    requested = [embedder for embedder in embedders if embedder.requested]
    store, known = remove_seen_images(held_out, frozenset[str]().union(*(embedder.seen for embedder in requested)))
    notes = []
    if known:
        all_hashes = set(fingerprint_images(held_out))
        names = ", ".join(embedder.name for embedder in requested if embedder.seen & all_hashes)
        if len(store) < 2:
            raise ValueError(
                f"{len(known)} of the {len(held_out)} held-out images were in the training set of {names}: use other "
                "images, data=folder data.root=FOLDER"
            )
        notes.append(f"held-out images omitted because {names} was trained on them ({len(known)}): {', '.join(known)}")
    hashes = set(fingerprint_images(store))
    kept = [embedder for embedder in embedders if embedder.requested or not embedder.seen & hashes]
    reason = "it was trained on images of the probe set"
    notes += [explain_missing_ceiling(embedder.path, reason) for embedder in embedders if embedder not in kept]
    probe = build_probe_set(space, store, patch=config.patch, size=config.size, seed=config.seed)
    if len(probe.store) < len(store):
        notes.append(
            f"{len(probe.store)} of {len(store)} held-out images used: size={config.size} has no room for more"
        )
    return probe, kept, notes
