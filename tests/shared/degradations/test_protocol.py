"""LR images of the DASR protocol against `dasr_reference`, and against golden values if they are available."""

import csv
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from shared.degradations import Degradation, degrade, required_margin
from shared.degradations.filters.noise import standard_normal
from shared.degradations.operations import CODES
from tests.shared.degradations.dasr_reference import bicubic, gaussian_kernel, lr_image, psnr_y

SHARED = Path(__file__).parents[4] / "shared"
GOLDEN, BENCHMARK = SHARED / "golden", SHARED / "data" / "benchmark"
needs_golden = pytest.mark.skipif(
    not (GOLDEN.is_dir() and BENCHMARK.is_dir()), reason="needs the golden values and the benchmark images"
)

# sd1, sd2, degrees of DASR's anisotropic kernels, and of isotropic ones
ANISOTROPIC = [
    (2, 0.2, 0),
    (2, 1, 10),
    (3.5, 1.5, 30),
    (3.5, 2, 45),
    (3.5, 2, 90),
    (4, 1.5, 120),
    (4, 2, 135),
    (4, 3, 165),
    (4, 4, 180),
]
ISOTROPIC = [(sigma, sigma, 0) for sigma in (0, 0.2, 0.6, 0.9, 1.2, 1.8, 2.4, 3.0, 3.6, 4.0)]
FINE = [(sigma, sigma, 0) for sigma in np.linspace(0, 4, 18)]
STEPS = ("gaussian", "bicubic", "gaussian_noise", "quantize")
NOISE_STEP = STEPS.index("gaussian_noise")


def make_degradation(kernels: list[tuple[float, float, float]], scale: int, noise_level: float) -> Degradation:
    """Makes one row per kernel, with noise on the 0..255 scale."""
    parameters = torch.zeros(len(kernels), len(STEPS), 4, dtype=torch.float64)
    parameters[:, 0, :3] = torch.tensor([(sd1, sd2, math.radians(angle)) for sd1, sd2, angle in kernels])
    parameters[:, 1, 0] = 1 / scale
    parameters[:, NOISE_STEP, 0] = noise_level / 255
    operation = torch.tensor([[CODES[name] for name in STEPS]]).repeat(len(kernels), 1)
    return Degradation(operation, parameters.float(), torch.arange(len(kernels)) + 17, scale, 21)


def to_batch(hr_image: np.ndarray, rows: int) -> torch.Tensor:
    """Converts levels (H, W, 3) to (rows, 1, 3, H, W) float32 in [0, 1]."""
    return (torch.from_numpy(hr_image).permute(2, 0, 1).float() / 255).expand(rows, 1, -1, -1, -1)


def to_levels(lr_images: torch.Tensor) -> np.ndarray:
    """Converts (B, 1, 3, h, w) in [0, 1] to levels (B, h, w, 3), which must be whole."""
    values = lr_images[:, 0].permute(0, 2, 3, 1).double().numpy() * 255
    np.testing.assert_allclose(values, np.round(values), atol=1e-4)
    return np.round(values)


def load_photographs(scale: int) -> list[np.ndarray]:
    """Loads parts of natural images, cropped to multiples of the scale, as float64 levels."""
    images = [data.astronaut()[:320, 80:480], data.coffee()[40:360, 100:500]]
    return [i[: i.shape[0] // scale * scale, : i.shape[1] // scale * scale].astype(np.float64) for i in images]


def measure_differences(scale: int, kernels: list, noise_level: float, is_cropped: bool) -> np.ndarray:
    """Computes |levels - reference levels| on photographs; with crops, one strided convolution does blur and resize."""
    degradation = make_degradation(kernels, scale, noise_level)
    margin = required_margin(degradation) if is_cropped else 0
    differences = []
    for hr_image in load_photographs(scale):
        found = to_levels(degrade(to_batch(hr_image, len(kernels)), degradation, margin=margin))
        cut, (height, width) = margin // scale, found.shape[1:3]
        field = standard_normal(degradation.seed, NOISE_STEP, torch.tensor([0]), 3 * height * width)
        field = noise_level * field.view(-1, 3, height, width).permute(0, 2, 3, 1).double().numpy()
        for row, (sd1, sd2, angle) in enumerate(kernels):
            noise = np.pad(field[row], ((cut, cut), (cut, cut), (0, 0)))
            expected = lr_image(hr_image, gaussian_kernel(sd1, sd2, math.radians(angle)), scale, noise)
            differences.append(np.abs(found[row] - expected[cut : cut + height, cut : cut + width]).ravel())
    return np.concatenate(differences)


@pytest.mark.parametrize("is_cropped", [False, True], ids=["whole", "cropped"])
@pytest.mark.parametrize(
    ("scale", "kernels", "noise_level"),
    [
        (2, ISOTROPIC[:6] + ANISOTROPIC[1:3], 0),
        (3, ISOTROPIC + ANISOTROPIC[::2], 0),
        (4, FINE + ANISOTROPIC, 0),
        (4, ANISOTROPIC, 10),
    ],
)
def test_at_most_one_of_ten_thousand_values_differs_by_one_level(scale, kernels, noise_level, is_cropped):
    """Measured on at least a million noise-free values each: whole images 0.9e-5 to 2.1e-5, crops with their margin
    (one fp32 convolution) 2.2e-5 to 4.6e-5.
    """
    differences = measure_differences(scale, kernels, noise_level, is_cropped)
    share = (differences > 0).mean()
    print(f"x{scale} noise {noise_level} cropped {is_cropped}: {differences.size} values, {share:.1e} differ")
    assert differences.max() <= 1
    assert share <= 1e-4


def load_benchmark(dataset: str, scale: int) -> list[np.ndarray]:
    """Loads RGB images, gray ones repeated, cropped to multiples of the scale, as float64 levels."""
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted((BENCHMARK / dataset).glob("*.png"))]
    return [i[: i.shape[0] // scale * scale, : i.shape[1] // scale * scale].astype(np.float64) for i in images]


def measure_bicubic_psnr(dataset: str, scale: int, kernels: list[tuple[float, float, float]]) -> np.ndarray:
    """Computes the mean PSNR-Y in dB of enlarged LR images over a data set, one value per kernel."""
    degradation = make_degradation(kernels, scale, 0)
    scores = []
    for hr_image in load_benchmark(dataset, scale):
        lr_images = to_levels(degrade(to_batch(hr_image, len(kernels)), degradation))
        scores.append([psnr_y(bicubic(lr, *hr_image.shape[:2]), hr_image, scale) for lr in lr_images])
    return np.mean(scores, 0)


def read_golden_rows(name: str) -> list[dict[str, str]]:
    with (GOLDEN / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@needs_golden
@pytest.mark.parametrize(
    ("dataset", "scale", "only"), [("Set5", 4, None), ("Set5", 3, "1.6"), ("Set5", 2, "1.2"), ("Set14", 4, "1.2")]
)
def test_isotropic_kernels_agree_with_golden_values(dataset, scale, only):
    rows = [
        row
        for row in read_golden_rows("dasr_iso_bicubic.csv")
        if row["dataset"] == dataset and row["scale"] == str(scale) and only in (None, row["blur_sigma"])
    ]
    assert len(rows) == (4 if only is None else 1)
    widths = [float(row["blur_sigma"]) for row in rows]
    found = measure_bicubic_psnr(dataset, scale, [(sigma, sigma, 0) for sigma in widths])
    np.testing.assert_allclose(found, [float(row["psnr_y"]) for row in rows], atol=0.005)


@needs_golden
def test_anisotropic_kernels_agree_with_golden_values():
    """Kernels 1 (horizontal) and 6 (at 120 degrees) reveal a wrong sense of rotation and swapped axes."""
    rows = read_golden_rows("aniso9_bicubic_set14_x4.csv")
    rows = [row for row in rows if row["kernel"] in "16" and row["noise"] == "0"]
    assert len(rows) == 2
    kernels = [(float(row["lambda1"]), float(row["lambda2"]), float(row["theta"])) for row in rows]
    found = measure_bicubic_psnr("Set14", 4, kernels)
    np.testing.assert_allclose(found, [float(row["psnr"]) for row in rows], atol=0.005)
