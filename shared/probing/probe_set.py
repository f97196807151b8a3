"""The probe set of a run: held-out patches under listed and under drawn degradations, and an encoder's scores on it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from shared.data import ImageStore, make_generator, source_size
from shared.degradations import Degradation, Space, degrade, load_space, summarise
from shared.encoders import degradation_statistics
from shared.inference import embed_batches
from shared.probing.scores import ProbeScores, score_embedding

LISTED_WITHOUT_A_GRID = 8  # listed degradations for a space whose YAML names no probe grid
PATCHES = 192  # per listed degradation, spread over the held-out images; with half of them R^2 moved by 0.05 by chance
DRAWN = 10  # degradations drawn from the space per patch, for the ridge probes
UNLISTED = -1


@dataclass(frozen=True)
class ProbeSet:
    """Degraded held-out patches and everything that is known of them.

    Attributes:
        images: (N, 3, p, p) uint8.
        degradation: N rows.
        label: (N,) index of the listed degradation, or -1 for one drawn from the space.
        image: (N,) index of the held-out image.
        names: of the listed degradations.
    """

    images: Tensor
    degradation: Degradation
    label: np.ndarray
    image: np.ndarray
    names: list[str]

    def targets(self) -> dict[str, np.ndarray]:
        """Known parameters of the drawn samples, (N,) or (N, 2) for the angle; NaN for listed samples.

        Parameters that do not vary, or that no drawn sample has, are left out.
        """
        summary = {name: values.numpy() for name, values in summarise(self.degradation).items()}
        angle = np.stack((summary.pop("sin_2theta"), summary.pop("cos_2theta")), 1)
        found: dict[str, np.ndarray] = {**summary, "angle": angle}
        for values in found.values():
            values[self.label != UNLISTED] = np.nan
        return {name: values for name, values in found.items() if _varies(values[np.isfinite(values)])}


def _varies(values: np.ndarray) -> bool:
    return values.size > 0 and float(np.ptp(values)) > 1e-9


def build_probe(space: Space, store: ImageStore, patch: int, seed: int = 0) -> ProbeSet:
    """The probe set of a space: every patch under every listed degradation, and under some drawn from the space.

    The listed degradations are those of the grid that the space names, else the first draws of a fixed seed.

    Args:
        space: that the encoder is trained on.
        store: held-out images.
        patch: side of the degraded patches in pixels.
        seed: of the patches' places and the drawn degradations.

    Raises:
        ValueError: an image is too small for a patch.
    """
    generator = make_generator(seed, 0x9B0BE)
    margin = space.margin()
    side = source_size(patch, space.scale, margin)
    smallest = int(torch.minimum(store.heights, store.widths).min())
    if smallest < side:
        raise ValueError(f"a held-out image has a side of {smallest} pixels, but a probe patch takes {side}")
    per_image = max(1, PATCHES // len(store))
    image = torch.arange(len(store)).repeat_interleave(per_image)  # (M,)
    place = torch.rand(2, len(image), generator=generator, dtype=torch.float64)
    top = (place[0] * (store.heights[image] - side + 1)).long()
    left = (place[1] * (store.widths[image] - side + 1)).long()
    source = store.crops(image, top, left, side).cpu()
    listed, names = listed_degradations(space)
    drawn = space.draw(len(image) * DRAWN, generator)
    parts = [listed[[row]].repeat(len(image)) for row in range(len(listed))]
    per_patch = [drawn[i * len(image) : (i + 1) * len(image)] for i in range(DRAWN)]
    degradations = Degradation.concatenate(parts + per_patch)
    seeds = torch.randint(2**62, (len(degradations),), generator=generator)
    degradations = degradations.with_seed(seeds)
    copies = len(listed) + DRAWN
    images = _degrade_in_parts(source, degradations, margin)
    label = np.concatenate([np.arange(len(listed)).repeat(len(image)), np.full(DRAWN * len(image), UNLISTED)])
    return ProbeSet(images, degradations, label, np.tile(image.numpy(), copies), names)


def listed_degradations(space: Space) -> tuple[Degradation, list[str]]:
    """The degradations that a space is judged by, and their names: its probe grid, else draws of a fixed seed.

    Raises:
        ValueError: the grid has another scale.
    """
    if space.probe:
        grid = load_space(space.probe)
        if grid.scale != space.scale:
            raise ValueError(f"space {space.name}: its probe {space.probe} has scale {grid.scale}, not {space.scale}")
        return grid.draw_listed(make_generator(0)), grid.row_names
    listed = space.draw(LISTED_WITHOUT_A_GRID, make_generator(0, 0x115ED))
    return listed, listed.describe()


def _degrade_in_parts(source: Tensor, degradations: Degradation, margin: int) -> Tensor:
    """Each run of M degradations over the M source patches, (copies * M, 3, p, p) uint8."""
    parts = []
    for start in range(0, len(degradations), len(source)):
        images = source.float().div_(255).unsqueeze(1)
        degraded = degrade(images, degradations[start : start + len(source)], margin=margin)[:, 0]
        parts.append((degraded * 255).round_().to(torch.uint8))
    return torch.cat(parts)


def embed(network: nn.Module, images: Tensor, *, bf16: bool = False, batch_size: int = 128) -> np.ndarray:
    """Pooled vectors of (N, 3, H, W) uint8 images, (N, D) float32."""
    parts = embed_batches(network, images.split(batch_size), bf16=bf16, vector_of=lambda found: found.vector)
    return np.concatenate(list(parts))


def score_network(network: nn.Module, probe: ProbeSet, *, bf16: bool = False, repeats: int = 500) -> ProbeScores:
    """Probe scores of an encoder."""
    return _score(embed(network, probe.images, bf16=bf16), probe, repeats)


def score_statistics(probe: ProbeSet, repeats: int = 500) -> ProbeScores:
    """Probe scores of the hand-made statistics."""
    return _score(degradation_statistics(probe.images.float().div(255)).numpy(), probe, repeats)


def _score(embedding: np.ndarray, probe: ProbeSet, repeats: int) -> ProbeScores:
    return score_embedding(embedding, probe.label, probe.image, probe.targets(), repeats=repeats)
