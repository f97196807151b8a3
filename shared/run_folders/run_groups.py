"""Groups of runs that differ only in their seed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from shared.run_folders.run_folder import FREE_OPTIONS, list_differences


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ only in their seed.

    Attributes:
        name: Name of the first run without its seed.
        config: Options of the first run.
        paths: Folder of each run by its seed.
    """

    name: str
    config: dict[str, Any]
    paths: dict[int, Path]


def group_by_seed(configs: Mapping[Path, dict[str, Any]]) -> list[RunGroup]:
    """Groups runs that differ only in their seed, in the order given.

    Args:
        configs: Options of each run by its folder.

    Raises:
        ValueError: Two runs have the same options and the same seed, or two groups the same name.
    """
    groups: dict[str, RunGroup] = {}
    for path, config in configs.items():
        kept = {key: value for key, value in config.items() if key not in FREE_OPTIONS and key != "seed"}
        name, seed = str(config["name"]), int(config["seed"])
        group = groups.setdefault(json.dumps(kept, sort_keys=True), RunGroup(_remove_seed(name, seed), config, {}))
        if seed in group.paths:
            raise ValueError(
                f"{path} has the options and the seed of the run {group.paths[seed].name}: give one of them"
            )
        group.paths[seed] = path
    for one, other in combinations(groups.values(), 2):
        if one.name == other.name:
            differences = "; ".join(list_differences(one.config, other.config))
            raise ValueError(f"runs with different options are called {one.name} ({differences}): name them apart")
    return list(groups.values())


def _remove_seed(name: str, seed: int) -> str:
    """Returns `mine` for `mine-s1` and `mine-long` for `mine-seed1-long`, with seed 1."""
    return re.sub(rf"[-_](s|seed){seed}(?=[-_]|$)", "", name)
