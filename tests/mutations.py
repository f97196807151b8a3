"""Mutations of valid input: nested options with odd values, and damaged bytes."""

import contextlib
import copy
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

IS_SAMPLE = "UNBLIND_CASES" not in os.environ  # the same examples each time, so that the suite is no game of chance
CASES = int(os.environ.get("UNBLIND_CASES", "20"))  # examples of each kind; `make attack` runs 1,000
ODD_VALUES = (
    *(None, True, False, -1, 0, 1, 2, 0.5, 10**20, 10**400, 1e308, float("nan"), float("inf")),
    *("", " ", "x" * 3000, "\0", "\x1b[2J", "\ud800", "é", "-", "1/0", "2*pi", "${oc.env:HOME}", "../..", "/dev/null"),
    *(
        [],
        {},
        [[]],
        [None],
        {"name": 5},
        {"name": "moco"},
        {"": ""},
        {5: 5},
        [0, 1],
        [1, 0],
        ["a", "b"],
        "steps",
        "sigma",
    ),
)
MAX_MUTATIONS = 3

Place = tuple[Any, ...]


def many_mutations(count: int) -> settings:
    """Returns the settings of a test that tries `count` mutations."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=IS_SAMPLE,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Ends the process, and with it the test, if what is inside takes longer."""
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def write_yaml(path: Path, tree: object) -> None:
    """Writes a file of a tree, which may hold text that is no Unicode."""
    path.write_bytes(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


def list_places(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Lists the keys and indices that lead to each value inside a tree."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        yield (*place, key)
        yield from list_places(child, (*place, key))


@st.composite
def mutated_trees(draw: st.DrawFn, tree: Any) -> Any:
    """Draws copies of a tree of dicts and lists in which up to three values are changed, removed, renamed or nested."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, MAX_MUTATIONS))):
        places = list(list_places(tree))
        if not places:
            return draw(st.sampled_from(ODD_VALUES))
        *parents, key = draw(st.sampled_from(places))
        owner = tree
        for parent in parents:
            owner = owner[parent]
        change = draw(st.sampled_from(("replace", "remove", "rename", "nest", "repeat", "deepen")))
        if change == "replace":
            owner[key] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
        elif change == "remove":
            del owner[key]
        elif change == "rename" and isinstance(owner, dict):
            owner[draw(st.sampled_from(("nmae", "", "scale", "steps", "name", f"{key}s", f"{key}.{key}")))] = owner.pop(
                key
            )
        elif change == "nest":
            owner[key] = {"name": owner[key]}
        elif change == "repeat":
            owner[key] = [copy.deepcopy(owner[key]) for _ in range(3)]
        else:
            for _ in range(200):
                owner[key] = [owner[key]]
    return tree


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Draws copies of a file that are cut, or in which bytes are changed, removed, repeated or put in."""
    damaged = bytearray(data)
    for _ in range(draw(st.integers(1, MAX_MUTATIONS))):
        start = draw(st.integers(0, len(damaged)))
        length = draw(st.integers(0, 64))
        change = draw(st.sampled_from(("cut", "set", "remove", "repeat", "insert")))
        if change == "cut":
            del damaged[start:]
        elif change == "set":
            damaged[start : start + 1] = bytes([draw(st.integers(0, 255))])
        elif change == "remove":
            del damaged[start : start + length]
        elif change == "repeat":
            damaged[start:start] = damaged[start : start + length]
        else:
            damaged[start:start] = draw(st.binary(max_size=64))
    return bytes(damaged)
