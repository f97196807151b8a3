"""Groups of runs that differ only in their seed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from shared.run_folders.run_folder import list_differences


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
    groups: list[RunGroup] = []
    for path, config in configs.items():
        name, seed = str(config["name"]), int(config["seed"])
        equal = (group for group in groups if not _list_differences(group.config, config))
        group = next(equal, None)
        if group is None:
            groups.append(group := RunGroup(_remove_seed(name, seed), config, {}))
        if seed in group.paths:
            raise ValueError(
                f"{path} has the options and the seed of the run {group.paths[seed].name}: give one of them"
            )
        group.paths[seed] = path
    for one, other in combinations(groups, 2):
        if one.name == other.name:
            differences = "; ".join(_list_differences(one.config, other.config))
            raise ValueError(f"runs with different options are called {one.name} ({differences}): name them apart")
    return groups


def _list_differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Lists the options in which two runs differ, other than the seed."""
    return list_differences(one | {"seed": None}, other | {"seed": None})


def _remove_seed(name: str, seed: int) -> str:
    """Returns `mine` for `mine-s1` and `mine-long` for `mine-seed1-long`, with seed 1."""
    return re.sub(rf"[-_](s|seed){seed}(?=[-_]|$)", "", name)
