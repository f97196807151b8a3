"""Data sets and models for tests of the evaluation: crops of one photograph, networks far from their start."""

import csv
from pathlib import Path

import cv2
import pytest
import torch
from skimage import data

from sr.model import SRModel, build_model
from tests.sr.small_models import small_config

SHARED = Path(__file__).resolve().parents[4] / "shared"
GOLDEN, BENCHMARK = SHARED / "golden", SHARED / "data" / "benchmark"
needs_golden = pytest.mark.skipif(
    not (GOLDEN.is_dir() and BENCHMARK.is_dir()), reason="the golden values and the benchmark images are not here"
)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_data_sets(root: Path) -> None:
    """`Four` images of different sizes and a `Single` one."""
    photograph = data.astronaut()[..., ::-1]
    for name, count in (("Four", 4), ("Single", 1)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            top, left, height, width = 60 * i, 90 * i, 66 + 4 * i, 81 - 5 * i
            cv2.imwrite(str(root / name / f"{i}.png"), photograph[top : top + height, left : left + width])


def small_model(conditioning: str) -> SRModel:
    """Builds a model of x2 that is neither bicubic nor independent of its condition, as it would be at its start."""
    torch.manual_seed(0)
    model = build_model(small_config(conditioning=conditioning, bicubic_skip=True))
    with torch.no_grad():
        for parameter in model.network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.02)
        for parameter in model.network.adapter.parameters() if conditioning != "none" else ():
            parameter.mul_(30)
    return model.eval()
