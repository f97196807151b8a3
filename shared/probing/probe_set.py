"""Probe set: patches of held-out images under known degradations, rendered on demand."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.data.sampling import source_size
from shared.data.store import ImageStore
from shared.degradations import Degradation, degrade
from shared.degradations.operations import OPERATIONS
from shared.degradations.summary import summarise
from shared.degradations.words import describe_steps, name_family

FORMAT = 1  # to be raised when the same probe set would get other pixels
UNLISTED = -1  # label of a degradation that was drawn
RENDER_CHUNK = 128  # patches rendered in one call


@dataclass(frozen=True)
class ProbeSet:
    """N degraded patches, drawn but not yet rendered, and their ground truth.

    Patches may be under listed degradations, which many patches share, or under degradations drawn for each patch; a
    probe set may hold both kinds.

    Attributes:
        name: Name of the probe.
        store: Images from which patches are cut.
        patch: Side of the degraded patches in pixels.
        margin: Input pixels around a patch.
        image, top, left: Source window of each patch, margin included, (N,) int64 each.
        degradation: Degradation of each patch, N rows.
        label: Index of each patch's listed degradation, (N,) int64; `UNLISTED` if it was drawn.
        names: Names of the listed degradations.
        content: Index of the patch that was degraded, (N,) int64; the same under every listed degradation.
    """

    name: str
    store: ImageStore
    patch: int
    margin: int
    image: Tensor
    top: Tensor
    left: Tensor
    degradation: Degradation
    label: np.ndarray
    names: list[str]
    content: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    @property
    def is_listed(self) -> bool:
        """Whether patches share degradations, which an embedding can then separate."""
        return bool((self.label != UNLISTED).any())

    @property
    def probed(self) -> np.ndarray:
        """Mask of the patches whose parameters linear probes read, (N,) bool: the drawn ones, or all if none is."""
        drawn = self.label == UNLISTED
        return drawn if drawn.any() else ~drawn

    def select(self, rows: Tensor) -> "ProbeSet":
        """Returns the probe set of some of the patches, given their indices (n,) int64."""
        chosen = rows.numpy()
        return replace(
            self,
            image=self.image[rows],
            top=self.top[rows],
            left=self.left[rows],
            degradation=self.degradation[rows],
            label=self.label[chosen],
            content=self.content[chosen],
        )

    def patches(self, rows: slice | Tensor) -> Tensor:
        """Renders some of the patches, (n, 3, patch, patch) uint8; each is the same in every selection."""
        side = source_size(self.patch, self.degradation.scale, self.margin)
        source = self.store.crops(self.image[rows], self.top[rows], self.left[rows], side).cpu()
        images = source.float().div_(255).unsqueeze(1)  # (n, 1, 3, side, side)
        degraded = degrade(images, self.degradation[rows], margin=self.margin)[:, 0]
        return (degraded * 255).round_().to(torch.uint8)

    def batches(self, size: int = RENDER_CHUNK) -> Iterator[Tensor]:
        """Renders all patches in order, (n, 3, patch, patch) uint8, n at most `size`."""
        return (self.patches(slice(start, start + size)) for start in range(0, len(self), size))

    def families(self) -> tuple[np.ndarray, list[str]]:
        """Returns the family of each patch (N,) and the names of the families.

        A family is the combination of the kinds of a degradation's steps, see `name_family`.
        """
        families = [name_family(steps, self.degradation.scale) for steps in self.degradation.rows()]
        names = list(dict.fromkeys(families))
        return np.array([names.index(family) for family in families]), names

    def words(self) -> list[str]:
        """Describes the degradation of each patch, see `describe_steps`."""
        return [describe_steps(steps, self.degradation.scale) for steps in self.degradation.rows()]

    def titles(self) -> list[str]:
        """Names the degradation of each patch: as its list calls it, or in words if it was drawn."""
        titles = zip(self.label.tolist(), self.words(), strict=True)
        return [words if label == UNLISTED else self.names[label] for label, words in titles]

    def boxes(self) -> np.ndarray:
        """Returns top, left, height and width of the patches in their images, in pixels, (N, 4) int64."""
        corner = np.stack((self.top.numpy(), self.left.numpy()), 1) + self.margin
        return np.concatenate((corner, np.full_like(corner, self.patch * self.degradation.scale)), 1)

    def parameters(self) -> dict[str, np.ndarray]:
        """Returns the known parameters, (N,) float64 by name, without those that do not vary.

        `blur_width` (geometric mean in pixels, with the pixel's own 0.29), `anisotropy` (log ratio of the widths),
        `angle` (degrees of the longer axis in [0, 180), NaN if the blur is round), `noise` (8-bit levels),
        `jpeg_quality` (100: none).
        """
        known = {name: values.numpy() for name, values in summarise(self.degradation).items()}
        angle = np.degrees(np.arctan2(known["sin_2theta"], known["cos_2theta"])).round(6) / 2 % 180
        parameters = {
            "blur_width": np.exp(known["log_sigma"]),
            "anisotropy": known["anisotropy"],
            "angle": angle,
            "noise": 255 * known["noise_sigma"],
            "jpeg_quality": known["jpeg_quality"],
        }
        return {name: values for name, values in parameters.items() if varies(values)}

    def targets(self) -> dict[str, np.ndarray]:
        """Returns the targets of linear probes, (N,), or (N, 2) for the angle, without those that do not vary.

        NaN where a parameter does not apply, see `summarise`, and for patches that are not `probed`.
        """
        known = {name: values.numpy() for name, values in summarise(self.degradation).items()}
        angle = np.stack((known.pop("sin_2theta"), known.pop("cos_2theta")), 1)
        targets: dict[str, np.ndarray] = {**known, "angle": angle}
        for values in targets.values():
            values[~self.probed] = np.nan
        return {name: values for name, values in targets.items() if varies(values)}

    def hash(self) -> str:
        """Hashes everything the pixels depend on: 16 hex digits of a SHA-256."""
        digest = hashlib.sha256(json.dumps([FORMAT, self.patch, self.margin, self.degradation.scale]).encode())
        record = self.degradation
        for tensor in (self.image, self.top, self.left, record.operation, record.parameters, record.seed):
            digest.update(tensor.numpy().tobytes())
        names = [[operation.name, list(operation.parameters)] for operation in OPERATIONS]
        digest.update(json.dumps([names, record.kernel_size]).encode())
        for index in range(len(self.store)):
            digest.update(repr(self.store.image(index).shape).encode())
            digest.update(self.store.image(index).cpu().numpy().tobytes())
        return digest.hexdigest()[:16]


def varies(values: np.ndarray) -> bool:
    """Tells whether the finite values differ."""
    finite = values[np.isfinite(values)]
    return finite.size > 0 and float(np.ptp(finite)) > 1e-9
