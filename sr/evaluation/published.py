"""Published scores to compare with, each with its source; printed beside what was measured, never mixed with it."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "published.csv"
MEAN = "mean"  # in place of a kernel: over all of the protocol


@dataclass(frozen=True)
class Published:
    """One method's row of a printed table.

    Attributes:
        method: as its paper calls it.
        source: paper, and what is to be known about the number.
        psnr: PSNR-Y in dB by the kernel's name, or `mean`.
    """

    method: str
    source: str
    psnr: dict[str, float]


def published_rows(dataset: str, images: int, scale: int, protocol: str, noise_sigma: float | None) -> list[Published]:
    """What was published for a data set of so many images, scale, protocol and noise in [0, 1]; mostly nothing."""
    found: dict[str, Published] = {}
    for row in _table():
        of_row = (row["dataset"], int(row["images"]), int(row["scale"]), row["protocol"])
        if of_row != (dataset, images, scale, protocol):
            continue
        if noise_sigma is None or abs(float(row["noise_sigma"]) - noise_sigma) > 1e-5:
            continue
        one = found.setdefault(row["method"], Published(row["method"], row["source"], {}))
        one.psnr[row["kernel"]] = float(row["psnr_y"])
    return list(found.values())


@cache
def _table() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
