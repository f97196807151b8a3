"""Groups of runs that differ only in their seed."""

from pathlib import Path

import pytest

from shared.run_folders import group_by_seed


def options(name: str, seed: int, **more) -> dict:
    return {"name": name, "seed": seed, "runs_dir": "runs", "steps": 5} | more


def test_runs_of_several_seeds_are_one_group_named_without_the_seed():
    runs = {Path("a0"): options("mine-s0", 0), Path("b"): options("other", 0, steps=6), Path("a1"): options("x", 1)}
    mine, other = group_by_seed(runs)
    assert (mine.name, mine.paths) == ("mine", {0: Path("a0"), 1: Path("a1")})
    assert (other.name, other.config["steps"]) == ("other", 6)
    caches = {
        Path(f"{seed}"): options(f"a-s{seed}", seed, data={"cache_dir": f"/{seed}"}, ema=ema)
        for seed, ema in enumerate((1, 1.0))
    }
    assert len(group_by_seed(caches)) == 1
    (inside,) = group_by_seed({Path("c"): options("mine-seed1-long", 1)})
    assert inside.name == "mine-long"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (options("y", 0), "second has the options and the seed of the run first"),
        (options("mine-s0", 0, steps=6), r"different options are called mine \(steps: 5 -> 6\): name them apart"),
    ],
)
def test_runs_that_cannot_be_told_apart_are_refused(second, message):
    with pytest.raises(ValueError, match=message):
        group_by_seed({Path("first"): options("mine-s0", 0), Path("second"): second})
