"""Published scores with their sources, printed next to measured scores and never mixed with them."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "published.csv"
MEAN = "mean"  # name of the mean over all kernels of a protocol, in place of a kernel's


@dataclass(frozen=True)
class PublishedRow:
    """The row of one method in a table.

    Attributes:
        method: Name of the method in its paper.
        source: Paper, and remarks on the scores.
        psnr: PSNR-Y in dB by the name of the kernel, or `mean`.
    """

    method: str
    source: str
    psnr: dict[str, float]


def find_published_rows(
    dataset: str, images: int, scale: int, protocol: str, noise_sigma: float | None
) -> list[PublishedRow]:
    """Finds the scores published for a test; usually there are none.

    Args:
        dataset: Name of the data set.
        images: Number of its images.
        scale: Down-sampling factor.
        protocol: Name of the protocol.
        noise_sigma: Standard deviation of the noise in [0, 1]; None for other noise.
    """
    rows: dict[str, PublishedRow] = {}
    for line in _read_table():
        if (line["dataset"], int(line["images"])) != (dataset, images):
            continue
        if (int(line["scale"]), line["protocol"]) != (scale, protocol):
            continue
        if noise_sigma is None or abs(float(line["noise_sigma"]) - noise_sigma) > 1e-5:
            continue
        row = rows.setdefault(line["method"], PublishedRow(line["method"], line["source"], {}))
        row.psnr[line["kernel"]] = float(line["psnr_y"])
    return list(rows.values())


@cache
def _read_table() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
