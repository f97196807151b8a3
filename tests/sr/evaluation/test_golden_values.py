"""The protocol, from image files to scores, against the golden values of `golden_protocol.py`, on every machine."""

import csv

import pytest
import skimage
import torch
from PIL import Image

from sr.evaluation.benchmarks import Benchmark, open_benchmarks
from sr.evaluation.protocols import load_protocol
from sr.evaluation.restorers import Restorer
from sr.evaluation.scoring import score_benchmark
from tests.sr.evaluation.golden_protocol import COLUMNS, CROPS, FILE, compute_rows, hash_pixels, read_crop

with FILE.open(encoding="utf-8", newline="") as file:
    GOLDEN = list(csv.DictReader(file))

# The differences are up to 5e-5 dB and 5e-6. They come from rounding to 8 bits: a few values of the LR and SR images
# are so close to a tie (4e-5 of a level) that float32 may round them to the other side. If it did so with all of them,
# and always to the worse, a score would change by 2.5e-4 dB and 1.0e-5.
PSNR_TOLERANCE, SSIM_TOLERANCE = 3e-4, 1.5e-5

BICUBIC = Restorer("bicubic", "bicubic")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Benchmark:
    """The photographs as files, which must be those that the values are of."""
    folder = tmp_path_factory.mktemp("data") / "Golden"
    folder.mkdir()
    for name in CROPS:
        pixels = read_crop(name)
        if {hash_pixels(pixels)} != {row["pixels"] for row in GOLDEN if row["image"] == name}:
            pytest.fail(
                f"the photograph {name!r} of scikit-image {skimage.__version__} has other pixels than the one that the "
                "golden values were computed from: write them anew by `python tests/sr/evaluation/golden_protocol.py`"
            )
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return open_benchmarks(str(folder.parent), [], 16)[0]


@pytest.mark.parametrize(("protocol", "scale"), sorted({(row["protocol"], int(row["scale"])) for row in GOLDEN}))
def test_bicubic_enlargement_meets_the_golden_values(photographs, protocol, scale):
    listed = load_protocol(protocol, scale)
    scores = score_benchmark([BICUBIC], photographs, listed, device=torch.device("cpu"))["bicubic"]
    degradations = list(zip(listed.kernels, listed.noise_sigmas, strict=True))
    compared = [row for row in GOLDEN if (row["protocol"], row["scale"]) == (protocol, str(scale))]
    for row in compared:
        d, i = (
            degradations.index((row["kernel"], float(row["noise"]))),
            photographs.image_names.index(f"{row['image']}.png"),
        )
        assert scores.psnr[d, i] == pytest.approx(float(row["psnr_y"]), abs=PSNR_TOLERANCE), row
        assert scores.ssim[d, i] == pytest.approx(float(row["ssim_y"]), abs=SSIM_TOLERANCE), row


def test_the_file_holds_what_the_script_computes(photographs):
    for found, row in zip(compute_rows(), GOLDEN, strict=True):
        for column in COLUMNS[:-2]:
            assert found[column] == row[column]
        assert float(found["psnr_y"]) == pytest.approx(float(row["psnr_y"]), abs=PSNR_TOLERANCE), row
        assert float(found["ssim_y"]) == pytest.approx(float(row["ssim_y"]), abs=SSIM_TOLERANCE), row
