"""The published test protocols as lists of degradations: blur, bicubic down-sampling, noise, rounding to 8 bits."""

import hashlib
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shared.degradations import CODES, OPERATIONS, YAML_SUFFIXES, Degradation, Space, load_space

REAL = "real"
PROTOCOLS = {
    "dasr_iso": "four isotropic Gaussian widths; Wang et al., CVPR 2021",
    "dasr_aniso": "nine anisotropic Gaussian kernels with noise 0, 5, 10 of 255, only at x4; Wang et al., CVPR 2021",
    "gaussian8": "eight isotropic Gaussian widths, evenly spaced; Gu et al. (IKC), CVPR 2019",
    "gaussian8_x2_0.9": "the other published widths of gaussian8 at x2: 0.9, 1.0 ... 1.6",
    "bicubic": "no blur, no noise",
    REAL: "images without a reference: they are super-resolved and saved, not scored",
}
KERNEL_SIZE = 21  # pixels a side


def _space_eight(low: float, high: float) -> tuple[float, ...]:
    return tuple(low + (high - low) * i / 7 for i in range(8))


# protocol -> scale -> widths of the isotropic Gaussians in HR pixels; 0 = no blur
WIDTHS: dict[str, dict[int, tuple[float, ...]]] = {
    "dasr_iso": {2: (0, 0.6, 1.2, 1.8), 3: (0, 0.8, 1.6, 2.4), 4: (0, 1.2, 2.4, 3.6)},
    "gaussian8": {2: _space_eight(0.8, 1.6), 3: _space_eight(1.35, 2.4), 4: _space_eight(1.8, 3.2)},
    "gaussian8_x2_0.9": {2: _space_eight(0.9, 1.6)},
    "bicubic": {2: (0,), 3: (0,), 4: (0,)},
}
# (standard deviation along the axis, across it, degrees); the paper's lambda are standard deviations in its code
DASR_ANISO = (
    (2, 0.2, 0),
    (2, 1, 10),
    (3.5, 1.5, 30),
    (3.5, 2, 45),
    (3.5, 2, 90),
    (4, 1.5, 120),
    (4, 2, 135),
    (4, 3, 165),
    (4, 4, 180),
)
DASR_ANISO_SCALE, DASR_ANISO_NOISE = 4, (0, 5, 10)  # noise of 255


@dataclass(frozen=True)
class Protocol:
    """The D degradations under which every image is tested.

    Attributes:
        name: Name in tables; for a user's protocol the name of its file, which no published one has.
        scale: Down-sampling factor.
        degradation: The degradations, D rows, whose noise seeds are set per image.
        kernels: D short names, such as `iso 1.2` or `3.5x1.5 at 30`; for a user's protocol the names of its rows.
        blur_sigmas: D widths of the blur in HR pixels, 0 without blur; None unless it is a single isotropic Gaussian.
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
        """Returns the D degradations with noise seeds for one image, which depend on its name alone."""
        seeds = [
            derive_seed(seed, dataset, image, kernel, noise)
            for kernel, noise in zip(self.kernels, self.noise_sigmas, strict=True)
        ]
        return self.degradation.with_seed(torch.tensor(seeds))

    def group_by_noise(self) -> dict[float | None, list[int]]:
        """Groups the rows by their noise, in order; the papers have one table per group."""
        groups: dict[float | None, list[int]] = {}
        for row, noise in enumerate(self.noise_sigmas):
            groups.setdefault(noise, []).append(row)
        return groups

    def digest(self) -> str:
        """Computes a hash of the degradations and their names."""
        return hashlib.sha256(json.dumps([self.kernels, self.degradation.rows()]).encode()).hexdigest()[:12]


def derive_seed(*parts: object) -> int:
    """Derives a seed within 0..2^62 that is a function of these values alone."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def load_protocol(name_or_path: str, scale: int, seed: int = 0) -> Protocol:
    """Loads a published protocol at a scale, or a user's protocol.

    Args:
        name_or_path: Name in `PROTOCOLS` except `real`, or path of a YAML with `rows` (`shared.degradations.space`).
        scale: Down-sampling factor: 2, 3 or 4.
        seed: Seed of the parameters that a user's protocol draws at random.

    Raises:
        ValueError: There is no such protocol, or it does not have this scale.
    """
    if Path(name_or_path).suffix in YAML_SUFFIXES and name_or_path not in PROTOCOLS:
        return _load_custom(name_or_path, scale, seed)
    if name_or_path == "dasr_aniso":
        _check_scale(name_or_path, scale, [DASR_ANISO_SCALE])
        kernels: list[tuple[float, float, float]] = list(DASR_ANISO)
        names = [f"{sd1:g}x{sd2:g} at {angle:g}" for sd1, sd2, angle in kernels]
        return _build_published(name_or_path, scale, names, kernels, DASR_ANISO_NOISE)
    if name_or_path not in WIDTHS:
        listed = ", ".join(one for one in PROTOCOLS if one != REAL)
        raise ValueError(f"protocol={name_or_path!r} has no list of degradations: there are {listed}")
    _check_scale(name_or_path, scale, WIDTHS[name_or_path])
    widths = WIDTHS[name_or_path][scale]
    return _build_published(name_or_path, scale, [f"iso {w:.4g}" for w in widths], [(w, w, 0) for w in widths], (0,))


def _check_scale(name: str, scale: int, valid: Collection[int]) -> None:
    if scale not in valid:
        raise ValueError(f"protocol={name} is published for scale {', '.join(map(str, valid))}, not for scale={scale}")


def _build_published(
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
    return _build_protocol(Space({"scale": scale, "kernel_size": KERNEL_SIZE, "rows": rows}, name), 0, name)


def _load_custom(path: str, scale: int, seed: int) -> Protocol:
    space = load_space(path)
    if not space.is_list:
        raise ValueError(f"protocol={path} must list its degradations as `rows`, each with a name and `steps`")
    if space.scale != scale:
        raise ValueError(f"protocol={path} down-samples by {space.scale}, but scale={scale}: they must be equal")
    repeated = sorted({name for name in space.row_names if space.row_names.count(name) > 1})
    if repeated:
        raise ValueError(f"protocol={path} has several rows of the name {', '.join(repeated)}: names must be unique")
    return _build_protocol(space, seed, Path(path).name)


def _build_protocol(space: Space, seed: int, name: str) -> Protocol:
    degradation = space.draw_listed(torch.Generator().manual_seed(seed))
    rows = degradation.rows()
    return Protocol(
        name=name,
        scale=space.scale,
        degradation=degradation,
        kernels=tuple(space.row_names),
        blur_sigmas=tuple(_read_strength(steps, "blur", "gaussian", "sigma") for steps in rows),
        noise_sigmas=tuple(_read_strength(steps, "noise", "gaussian_noise", "noise_sigma") for steps in rows),
    )


def _read_strength(
    steps: list[tuple[str, dict[str, float]]], kind: str, operation: str, parameter: str
) -> float | None:
    """Reads the strength of a row's blur or noise.

    Args:
        steps: Names and parameters of the row's operations.
        kind: Kind of operation that counts.
        operation: The operation of this kind that has one strength.
        parameter: The parameter that is its strength.

    Returns:
        The parameter, 0 without an operation of this kind, None if one number does not describe them.
    """
    of_kind = [(name, values) for name, values in steps if OPERATIONS[CODES[name]].kind == kind]
    if not of_kind:
        return 0.0
    (name, values), *others = of_kind
    if others or name != operation or values.get("sigma_y", values[parameter]) != values[parameter]:
        return None
    return round(values[parameter], 6)  # stored as float32
