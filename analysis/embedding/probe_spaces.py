"""Degradations of a probe set: the built-in probes of `analysis/probes`, degradation spaces, users' YAML files."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.degradations import Space, list_spaces, load_space
from shared.degradations.space import YAML_SUFFIXES
from shared.probing import ProbeSet

PROBES = Path(__file__).parents[1] / "probes"


def load_probe_space(name_or_path: str) -> Space:
    """Loads the degradations of a probe set: a built-in probe, a degradation space, or a user's YAML of the same form.

    Raises:
        ValueError: There is none of that name (suggests a close match), or its YAML is wrong (names the place).
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
        f"unknown probe {name_or_path!r}{hint} (available: {', '.join(probe_names())}, the degradation spaces "
        f"{', '.join(list_spaces())}, or the path of a .yaml)"
    )


def probe_names() -> list[str]:
    """Lists the built-in probes."""
    return sorted(path.stem for path in PROBES.glob("*.yaml"))


def mark_unseen(probe: ProbeSet, trained_on: Sequence[str]) -> np.ndarray:
    """Marks the patches with an operation that an encoder was not trained on, (N,) bool."""
    known = {*trained_on, "quantize"}
    return np.array([any(name not in known for name, _ in steps) for steps in probe.degradation.rows()])
