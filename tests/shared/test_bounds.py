"""Bounds of numbers: declared at a field, inherited, checked inside of other dataclasses, explained."""

from dataclasses import dataclass, field

import pytest

from shared.bounds import bounded, check_bounds


@dataclass
class Inner:
    share: float = bounded(0.5, 0, 1)
    rate: float = bounded(0.1, above=0, high=10)


@dataclass
class Options:
    count: int = bounded(3, 1)
    size: int | str = bounded("auto", 0, 2**24)
    free: float | None = None
    sizes: list[int] = field(default_factory=list)
    inner: Inner = field(default_factory=Inner)
    flag: bool = True


@dataclass
class Later(Options):
    count: int = 5


@pytest.mark.parametrize(
    "options",
    [Options(), Later(), Options(count=1, size=0, free=-1e8, sizes=[-5], inner=Inner(0, 10)), Options(size=2**24)],
)
def test_numbers_within_their_bounds_are_valid(options):
    check_bounds(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(count=0), "run.count=0 must be at least 1"),
        (Later(count=0), "run.count=0 must be at least 1"),
        (Options(count=10**20), "run.count=100000000000000000000 must be at most 1000000000"),
        (Options(count=10**400), "must be at most 1000000000"),
        (Options(size=-1), "run.size=-1 must be within 0..16777216"),
        (Options(free=1e308), r"run.free=1e\+308 must be within -1000000000..1000000000"),
        (Options(free=float("nan")), "run.free=nan must be a finite number"),
        (Options(sizes=[1, 10**12]), r"run.sizes=\[1, 1000000000000\] must be within"),
        (Options(inner=Inner(share=1.5)), "run.inner.share=1.5 must be within 0..1"),
        (Options(inner=Inner(rate=0)), "run.inner.rate=0 must be above 0 and at most 10"),
        (Options(inner=Inner(rate=float("inf"))), "run.inner.rate=inf must be a finite number"),
    ],
)
def test_numbers_out_of_their_bounds_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        check_bounds(options, "run")
