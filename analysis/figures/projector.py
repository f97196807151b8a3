"""Export to TensorBoard's projector: points, their metadata, and a sprite of every patch."""

import warnings
from pathlib import Path

import numpy as np
import torch

from analysis.embedding.projection import pca_map
from shared.probing import ProbeSet

DIRECTIONS = 50  # principal components: the projector reads them as text and becomes slow with more
MAX_SPRITE_SIDE = 8192  # largest side in pixels of the projector's image of all patches


def write_projector(folder: Path, probe: ProbeSet, patches: np.ndarray, embeddings: dict[str, np.ndarray]) -> None:
    """Writes a TensorBoard folder whose projector tab shows each embedding; `tensorboard --logdir FOLDER`.

    Args:
        folder: Folder to write to; an earlier export in it is replaced.
        probe: Probe set with N patches.
        patches: Rendered patches, (N, 3, p, p) uint8.
        embeddings: Embedding of each embedder by its name, (N, D).
    """
    from torch.utils.tensorboard import SummaryWriter

    max_patches = (MAX_SPRITE_SIDE // patches.shape[-1]) ** 2
    kept = np.linspace(0, len(probe) - 1, min(len(probe), max_patches)).round().astype(int)
    family, family_names = probe.families()
    titles, parameters = probe.titles(), probe.parameters()
    header = ["degradation", "kind", "image", *parameters]
    table = [
        [titles[i], family_names[family[i]], probe.store.names[int(probe.image[i])]]
        + [f"{values[i]:.4g}" for values in parameters.values()]
        for i in kept
    ]
    images = torch.from_numpy(np.array(patches[kept])).float().div_(255)
    with warnings.catch_warnings(), SummaryWriter(str(folder)) as writer:
        warnings.simplefilter("ignore")
        for i, (name, embedding) in enumerate(embeddings.items()):
            writer.add_embedding(
                pca_map(embedding, DIRECTIONS)[kept],
                metadata=table,
                metadata_header=header,
                label_img=images,
                tag=name,
                global_step=i,
            )
