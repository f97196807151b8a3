"""Probe sets: patches of images that were never trained on, under listed or drawn degradations, replayable."""

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.data import ImageStore, make_generator, source_size
from shared.degradations import (
    OPERATIONS,
    YAML_SUFFIXES,
    Degradation,
    Space,
    degrade,
    list_spaces,
    load_space,
    summarise,
)

PROBES = Path(__file__).parents[1] / "probes"
FORMAT = 1  # raise it when the same probe would get other pixels
UNLISTED = -1


@dataclass(frozen=True)
class ProbeSet:
    """N degraded patches, drawn but not yet made, and everything that is known of them.

    Attributes:
        name: of the probe.
        store: the images.
        patch: side of the degraded patches in pixels.
        margin: input pixels around a patch.
        image, top, left: (N,) int64, the source window of each patch, margin included.
        degradation: N rows.
        label: (N,) int64, index of the listed degradation; `UNLISTED` for all where every patch has its own.
        names: of the listed degradations.
        content: (N,) int64, which patch was degraded; the same under every listed degradation.
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
        """Whether patches share degradations, so that these can be told apart."""
        return bool(self.names)

    def patches(self, rows: slice) -> Tensor:
        """Makes some of the patches: (n, 3, patch, patch) uint8, the same whatever else is asked for."""
        side = source_size(self.patch, self.degradation.scale, self.margin)
        source = self.store.crops(self.image[rows], self.top[rows], self.left[rows], side)
        images = source.float().div_(255).unsqueeze(1)  # (n, 1, 3, side, side)
        degraded = degrade(images, self.degradation[rows], margin=self.margin)[:, 0]
        return (degraded * 255).round_().to(torch.uint8)

    def families(self) -> tuple[np.ndarray, list[str]]:
        """The family of each patch (N,) and the families' names: its operations but resizing and rounding."""
        kinds = {operation.name: operation.kind for operation in OPERATIONS}
        words = []
        for steps in self.degradation.rows():
            kept = [name for name, _ in steps if kinds[name] in ("blur", "noise", "jpeg")]
            resized = any(kinds[name] == "resize" for name, _ in steps)
            words.append(" + ".join(name.replace("_", " ") for name in kept) or ("resize" if resized else "none"))
        names = list(dict.fromkeys(words))
        return np.array([names.index(word) for word in words]), names

    def words(self) -> list[str]:
        """The degradation of each patch in words, but for the rounding that all have."""
        return [text.removesuffix("quantize").removesuffix(", ") or "none" for text in self.degradation.describe()]

    def parameters(self) -> dict[str, np.ndarray]:
        """The known parameters, (N,) float64 by name; those that do not vary are left out.

        `blur_width` (geometric mean in pixels, with the pixel's own 0.29), `anisotropy` (log ratio of the widths),
        `angle` (degrees of the longer axis in [0, 180), NaN where the blur is round), `noise` (8-bit levels),
        `jpeg_quality` (100: none).
        """
        known = {name: values.numpy() for name, values in summarise(self.degradation).items()}
        angle = np.degrees(np.arctan2(known["sin_2theta"], known["cos_2theta"])).round(6) / 2 % 180
        found = {
            "blur_width": np.exp(known["log_sigma"]), "anisotropy": known["anisotropy"], "angle": angle,
            "noise": 255 * known["noise_sigma"], "jpeg_quality": known["jpeg_quality"],
        }  # fmt: skip
        return {name: values for name, values in found.items() if varies(values)}

    def targets(self) -> dict[str, np.ndarray]:
        """What linear probes read: (N,), or (N, 2) for the angle; NaN where it does not apply. See `summarise`."""
        known = {name: values.numpy() for name, values in summarise(self.degradation).items()}
        angle = np.stack((known.pop("sin_2theta"), known.pop("cos_2theta")), 1)
        return {name: values for name, values in {**known, "angle": angle}.items() if varies(values)}

    def hash(self) -> str:
        """SHA-256 of everything the pixels depend on, 16 hex digits."""
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
    """Whether the finite ones of the values differ."""
    finite = values[np.isfinite(values)]
    return finite.size > 0 and float(np.ptp(finite)) > 1e-9


def load_probe_space(name_or_path: str) -> Space:
    """What a probe set degrades with: a built-in probe, a degradation space, or a user's YAML of the same form.

    Raises:
        ValueError: there is none of that name (with the near match), or its YAML is wrong (with the place).
    """
    if Path(name_or_path).suffix in YAML_SUFFIXES:
        return load_space(name_or_path)
    if name_or_path in probe_names():
        return load_space(str(PROBES / f"{name_or_path}.yaml"))
    if name_or_path in list_spaces():
        return load_space(name_or_path)
    known = [*probe_names(), *list_spaces()]
    near = difflib.get_close_matches(name_or_path, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(
        f"unknown probe {name_or_path!r}{hint} (there are {', '.join(probe_names())}, the degradation spaces "
        f"{', '.join(list_spaces())}, or a path to a .yaml)"
    )


def probe_names() -> list[str]:
    """The built-in probes."""
    return sorted(path.stem for path in PROBES.glob("*.yaml"))


def source_side(space: Space, patch: int) -> int:
    """Side in pixels that an image must have for a patch with its margin."""
    return source_size(patch, space.scale, space.margin())


def build_probe_set(space: Space, store: ImageStore, *, patch: int, size: int, seed: int) -> ProbeSet:
    """Draws a probe set.

    A space of listed `rows` is crossed: every content under every row. Of a space with `steps`, every patch gets a
    degradation of its own.

    Args:
        space: what to degrade with.
        store: images that no encoder was trained on, each large enough (`source_side`).
        patch: side of the degraded patches in pixels.
        size: number of patches, at most: contents are spread evenly over the images, and of more images than go into it
            some are drawn.
        seed: of places, drawn degradations and noise.

    Raises:
        ValueError: fewer than two images, too small a size for two images under each degradation, or two degradations
            that nothing could tell apart.
    """
    if len(store) < 2:
        raise ValueError(f"a probe set needs at least two images to hold one out, got {len(store)}: {store.names}")
    generator = make_generator(seed, 0xA11A)
    copies = len(space.row_names) if space.is_list else 1
    if space.is_list and copies < 2:
        raise ValueError(f"probe {space.name} lists one degradation only; to tell apart it takes two or more")
    contents = size // copies
    if contents < 2:
        raise ValueError(
            f"size={size} patches are too few for {copies} degradations of two images: at least {2 * copies}"
        )
    if contents < len(store):
        drawn = torch.randperm(len(store), generator=make_generator(seed, 0x1A6E))[:contents]
        store = store.select(sorted(drawn.tolist()))
    per_image = contents // len(store)
    image = torch.arange(len(store)).repeat_interleave(per_image)  # (M,)
    side = source_side(space, patch)
    place = torch.rand(2, len(image), generator=generator, dtype=torch.float64)
    top = (place[0] * (store.heights[image] - side + 1)).long()
    left = (place[1] * (store.widths[image] - side + 1)).long()
    if space.is_list:
        listed = space.draw_listed(generator)
        _check_rows_differ(space, listed)
        degradation = listed.repeat(len(image))
        label = np.arange(copies).repeat(len(image))
    else:
        degradation = space.draw(len(image), generator)
        if len(set(_described(degradation))) < 2:
            raise ValueError(
                f"probe {space.name} has one degradation only, the same in every draw: it takes two or more"
            )
        label = np.full(len(image), UNLISTED)
    noise = torch.randint(2**62, (len(degradation),), generator=generator)
    return ProbeSet(
        space.name, store, patch, space.margin(), image.repeat(copies), top.repeat(copies), left.repeat(copies),
        degradation.with_seed(noise), label, list(space.row_names) if space.is_list else [],
        np.tile(np.arange(len(image)), copies),
    )  # fmt: skip


def _check_rows_differ(space: Space, listed: Degradation) -> None:
    steps = [json.dumps(row["steps"], sort_keys=True, default=str) for row in space.definition["rows"]]
    of_rows: tuple[tuple[str, list], ...] = (
        ("name", space.row_names), ("steps", steps), ("degradation", _described(listed)),
    )  # fmt: skip
    for what, values in of_rows:
        for i, one in enumerate(values):
            before = values.index(one)
            if before < i:
                raise ValueError(
                    f"probe {space.name}: rows {before + 1} ({space.row_names[before]!r}) and {i + 1} "
                    f"({space.row_names[i]!r}) have the same {what}: nothing could tell them apart"
                )


def _described(degradation: Degradation) -> list[bytes]:
    """Of each row its operations and their parameters."""
    rows = zip(degradation.operation.numpy(), degradation.parameters.numpy(), strict=True)
    return [operation.tobytes() + parameters.tobytes() for operation, parameters in rows]


def unseen_rows(probe: ProbeSet, trained_on: Sequence[str]) -> np.ndarray:
    """(N,) bool: patches with an operation that is not among those an encoder was trained on."""
    known = {*trained_on, "quantize"}
    return np.array([any(name not in known for name, _ in steps) for steps in probe.degradation.rows()])
