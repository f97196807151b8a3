"""What a probe set degrades with: the built-in probes of `analysis/probes`, degradation spaces, users' YAML files."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.degradations import Space, load_space, space_names
from shared.degradations.space import YAML_SUFFIXES
from shared.probing import ProbeSet

PROBES = Path(__file__).parents[1] / "probes"


def load_probe_space(name_or_path: str) -> Space:
    """What a probe set degrades with: a built-in probe, a degradation space, or a user's YAML of the same form.

    Raises:
        ValueError: there is none of that name (with the near match), or its YAML is wrong (with the place).
    """
    if Path(name_or_path).suffix in YAML_SUFFIXES:
        return load_space(name_or_path)
    if name_or_path in probe_names():
        return load_space(str(PROBES / f"{name_or_path}.yaml"))
    if name_or_path in space_names():
        return load_space(name_or_path)
    known = [*probe_names(), *space_names()]
    near = difflib.get_close_matches(name_or_path, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(
        f"unknown probe {name_or_path!r}{hint} (there are {', '.join(probe_names())}, the degradation spaces "
        f"{', '.join(space_names())}, or a path to a .yaml)"
    )


def probe_names() -> list[str]:
    """The built-in probes."""
    return sorted(path.stem for path in PROBES.glob("*.yaml"))


def unseen_rows(probe: ProbeSet, trained_on: Sequence[str]) -> np.ndarray:
    """(N,) bool: patches with an operation that is not among those an encoder was trained on."""
    known = {*trained_on, "quantize"}
    return np.array([any(name not in known for name, _ in steps) for steps in probe.degradation.rows()])
