"""The published test protocols as lists of degradations: blur, bicubic down-sampling, noise, rounding to 8 bits."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shared.degradations import CODES, OPERATIONS, YAML_SUFFIXES, Degradation, Space, load_space

REAL = "real"
PROTOCOLS = {
    "dasr_iso": "four isotropic Gaussian widths; Wang et al., CVPR 2021",
    "dasr_aniso": "nine anisotropic Gaussian kernels under noise 0, 5, 10 of 255, x4 alone; Wang et al., CVPR 2021",
    "gaussian8": "eight isotropic Gaussian widths, evenly spaced; Gu et al. (IKC), CVPR 2019",
    "gaussian8_x2_0.9": "the other published reading of its widths at x2: 0.9, 1.0 ... 1.6",
    "bicubic": "no blur, no noise",
    REAL: "images as they are, without a reference: they are super-resolved and written, not scored",
}
KERNEL_SIZE = 21


def _eight(low: float, high: float) -> tuple[float, ...]:
    return tuple(low + (high - low) * i / 7 for i in range(8))


# protocol -> scale -> widths in HR pixels; 0 = no blur
WIDTHS: dict[str, dict[int, tuple[float, ...]]] = {
    "dasr_iso": {2: (0, 0.6, 1.2, 1.8), 3: (0, 0.8, 1.6, 2.4), 4: (0, 1.2, 2.4, 3.6)},
    "gaussian8": {2: _eight(0.8, 1.6), 3: _eight(1.35, 2.4), 4: _eight(1.8, 3.2)},
    "gaussian8_x2_0.9": {2: _eight(0.9, 1.6)},
    "bicubic": {2: (0,), 3: (0,), 4: (0,)},
}
# (standard deviation along the axis, across it, degrees); the paper's lambda are standard deviations in its code
DASR_ANISO = (
    (2, 0.2, 0), (2, 1, 10), (3.5, 1.5, 30), (3.5, 2, 45), (3.5, 2, 90), (4, 1.5, 120), (4, 2, 135), (4, 3, 165),
    (4, 4, 180),
)  # fmt: skip
DASR_ANISO_SCALE, DASR_ANISO_NOISE = 4, (0, 5, 10)  # of 255


@dataclass(frozen=True)
class Protocol:
    """D degradations that every image is tested under.

    Attributes:
        name: in tables; a user's list has its file's name, which no published one has.
        scale: down-sampling factor.
        degradation: D rows, whose noise seeds are set per image.
        kernels: D short names, such as `iso 1.2` or `3.5x1.5 at 30`; those of a user's list are its rows' names.
        blur_sigmas: D widths of the Gaussian in HR pixels, 0 without blur; None where it is not isotropic, or not a
            single Gaussian.
        noise_sigmas: D standard deviations of the Gaussian noise in [0, 1], 0 without noise; None for other noise.
    """

    name: str
    scale: int
    degradation: Degradation
    kernels: tuple[str, ...]
    blur_sigmas: tuple[float | None, ...]
    noise_sigmas: tuple[float | None, ...]

    def __len__(self) -> int:
        return len(self.kernels)

    def for_image(self, dataset: str, image: str, seed: int) -> Degradation:
        """The D degradations with the noise of one image, whatever other images and degradations there are."""
        seeds = [
            seed_of(seed, dataset, image, kernel, noise)
            for kernel, noise in zip(self.kernels, self.noise_sigmas, strict=True)
        ]
        return self.degradation.with_seed(torch.tensor(seeds))

    def groups(self) -> dict[float | None, list[int]]:
        """Rows by their noise, in order: one table of the papers each."""
        found: dict[float | None, list[int]] = {}
        for row, noise in enumerate(self.noise_sigmas):
            found.setdefault(noise, []).append(row)
        return found

    def digest(self) -> str:
        """Hash of what is done to the images."""
        return hashlib.sha256(json.dumps([self.kernels, self.degradation.rows()]).encode()).hexdigest()[:12]


def seed_of(*parts: object) -> int:
    """A seed within 0..2^62 that is a function of these values alone."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def load_protocol(name_or_path: str, scale: int, seed: int = 0) -> Protocol:
    """A published protocol at a scale, or a user's list.

    Args:
        name_or_path: of `PROTOCOLS` but `real`, or a YAML with `rows` (`shared.degradations.space`).
        scale: 2, 3 or 4.
        seed: of what the rows of a user's list leave to chance.

    Raises:
        ValueError: there is no such protocol, or it does not have this scale.
    """
    if Path(name_or_path).suffix in YAML_SUFFIXES and name_or_path not in PROTOCOLS:
        return _users_list(name_or_path, scale, seed)
    if name_or_path == "dasr_aniso":
        _check_scale(name_or_path, scale, [DASR_ANISO_SCALE])
        kernels: list[tuple[float, float, float]] = list(DASR_ANISO)
        names = [f"{sd1:g}x{sd2:g} at {angle:g}" for sd1, sd2, angle in kernels]
        return _published(name_or_path, scale, names, kernels, DASR_ANISO_NOISE)
    if name_or_path not in WIDTHS:
        listed = ", ".join(one for one in PROTOCOLS if one != REAL)
        raise ValueError(f"protocol={name_or_path!r} has no list of degradations: there are {listed}")
    _check_scale(name_or_path, scale, WIDTHS[name_or_path])
    widths = WIDTHS[name_or_path][scale]
    return _published(name_or_path, scale, [f"iso {w:.4g}" for w in widths], [(w, w, 0) for w in widths], (0,))


def _check_scale(name: str, scale: int, known: Any) -> None:
    if scale not in known:
        raise ValueError(f"protocol={name} is published for scale {', '.join(map(str, known))}, not for scale={scale}")


def _published(
    name: str, scale: int, names: Sequence[str], kernels: Sequence[tuple[float, float, float]], noises: Sequence[float]
) -> Protocol:
    rows = []
    for noise in noises:
        for kernel_name, (sd1, sd2, angle) in zip(names, kernels, strict=True):
            steps: list[dict[str, Any]] = [
                {"gaussian": {"sigma": sd1, "sigma_y": sd2, "theta": math.radians(angle)}},
                {"bicubic": {"relative_size": f"1/{scale}"}},
            ]
            if noise:
                steps.append({"gaussian_noise": {"noise_sigma": f"{noise}/255"}})
            rows.append({"name": kernel_name, "steps": [*steps, {"quantize": {}}]})
    return _protocol(Space({"scale": scale, "kernel_size": KERNEL_SIZE, "rows": rows}, name), 0, name)


def _users_list(path: str, scale: int, seed: int) -> Protocol:
    space = load_space(path)
    if not space.is_list:
        raise ValueError(f"protocol={path} must list its degradations as `rows`, each with a name and `steps`")
    if space.scale != scale:
        raise ValueError(f"protocol={path} down-samples by {space.scale}, but scale={scale}: give one of that scale")
    twice = sorted({name for name in space.row_names if space.row_names.count(name) > 1})
    if twice:
        raise ValueError(f"protocol={path} has rows of the same name {', '.join(twice)}: give each its own")
    return _protocol(space, seed, Path(path).name)


def _protocol(space: Space, seed: int, name: str) -> Protocol:
    degradation = space.draw_listed(torch.Generator().manual_seed(seed))
    rows = degradation.rows()
    return Protocol(
        name, space.scale, degradation, tuple(space.row_names),
        tuple(_strength(steps, "blur", "gaussian", "sigma") for steps in rows),
        tuple(_strength(steps, "noise", "gaussian_noise", "noise_sigma") for steps in rows),
    )  # fmt: skip


def _strength(steps: list[tuple[str, dict[str, float]]], kind: str, usual: str, parameter: str) -> float | None:
    """The parameter of the only step of this kind, 0 where there is none, None where one number does not say it."""
    found = [(name, values) for name, values in steps if OPERATIONS[CODES[name]].kind == kind]
    if not found:
        return 0.0
    (name, values), *more = found
    if more or name != usual or values.get("sigma_y", values[parameter]) != values[parameter]:
        return None
    return round(values[parameter], 6)  # stored as float32
