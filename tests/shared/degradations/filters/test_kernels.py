"""Blur kernels against formulas, and their properties: sum, symmetry, direction, moments."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import j1

from shared.degradations.convolution import make_blur_kernels
from shared.degradations.filters import kernels
from shared.degradations.operations import OPERATIONS
from tests.shared.degradations.dasr_reference import gaussian_kernel

SIZE = 21
ANGLES = (0.0, 0.3, math.pi / 4, 1.2, math.pi / 2, 2.5, -0.7)
RANGES = {  # valid values of the parameters of all blurs
    "sigma": (0.0, 4.0),
    "sigma_y": (0.0, 4.0),
    "theta": (-math.pi, math.pi),
    "beta": (0.5, 4.0),
    "cutoff": (math.pi / 3, math.pi),
    "radius": (0.0, 8.0),
    "length": (0.0, 18.0),
    "curvature": (0.0, 0.25),
}
BLURS = [operation for operation in OPERATIONS if operation.kind == "blur"]


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def grid(size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Returns x and y of every pixel from the centre, (size, size) each."""
    axis = np.arange(size) - size // 2
    return np.meshgrid(axis, axis)


def squared_mahalanobis(sigma_x: float, sigma_y: float, theta: float) -> np.ndarray:
    """Computes the squared distance by the covariance matrix, (SIZE, SIZE)."""
    rotation = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    precision = rotation @ np.diag([sigma_x**-2, sigma_y**-2]) @ rotation.T
    offsets = np.stack(grid(), -1)  # (SIZE, SIZE, 2)
    return np.einsum("hwi,ij,hwj->hw", offsets, precision, offsets)


def compute_covariance(kernel: np.ndarray) -> np.ndarray:
    """Computes the covariance of a kernel in squared pixels, (2, 2) in the order x, y."""
    x, y = grid(len(kernel))
    offsets = np.stack((x - (kernel * x).sum(), y - (kernel * y).sum()), -1)
    return np.einsum("hw,hwi,hwj->ij", kernel, offsets, offsets)


@pytest.mark.parametrize("operation", BLURS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_kernels_are_finite_of_sum_one_and_independent_of_the_other_rows(data, operation, dtype):
    size = data.draw(st.sampled_from((7, 13, 21)))
    rows = [[data.draw(st.floats(*RANGES[name])) for name in operation.arguments] for _ in range(3)]
    if operation.name == "motion":
        rows = [[min(length, size - 1.0), *rest] for length, *rest in rows]
    columns = torch.tensor(rows, dtype=dtype).T
    together = operation.function(size, *columns)
    assert together.shape == (3, size, size)
    assert together.dtype == dtype
    assert torch.isfinite(together).all()
    assert (together.sum((1, 2)) - 1).abs().max() < 1e-5
    if operation.name != "sinc":
        assert together.min() >= 0
    for row in range(3):
        alone = operation.function(size, *columns[:, row : row + 1])
        assert torch.equal(alone[0], together[row])


@pytest.mark.parametrize("operation", BLURS, ids=lambda operation: operation.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_rotation_by_pi_is_the_same_kernel(data, operation):
    """Both the rotated kernel and, if it has a direction, the kernel of theta + pi; a bent path would change."""
    values = {name: data.draw(st.floats(*RANGES[name])) for name in operation.arguments}
    if "curvature" in values:
        values["curvature"] = 0.0
    for name in ("sigma", "sigma_y"):
        if name in values:
            values[name] = max(values[name], 0.3)  # a line of width 1/1000 hits pixel centres only by rounding
    kernel = operation.function(SIZE, *(column(value) for value in values.values()))[0]
    assert (kernel.flip(0, 1) - kernel).abs().max() < 1e-9
    if "theta" in values:
        values["theta"] += math.pi
        rotated = operation.function(SIZE, *(column(value) for value in values.values()))[0]
        assert (rotated - kernel).abs().max() < 1e-9


@pytest.mark.parametrize("theta", ANGLES)
@pytest.mark.parametrize("widths", [(2.0, 2.0), (3.5, 0.8), (0.6, 4.0)])
def test_the_gaussian_families_agree_with_float64_formulas(theta, widths):
    arguments = (column(widths[0]), column(widths[1]), column(theta))
    expected = gaussian_kernel(*widths, theta)
    np.testing.assert_allclose(kernels.gaussian(SIZE, *arguments)[0], expected, atol=1e-12)
    single = kernels.gaussian(SIZE, *(argument.float() for argument in arguments))[0]
    np.testing.assert_allclose(single, expected, atol=1e-6)

    q = squared_mahalanobis(*widths, theta)
    for beta in (0.5, 0.9, 2.0, 4.0):
        general = np.exp(-(q**beta) / 2)
        plateau = 1 / (1 + q**beta)
        np.testing.assert_allclose(
            kernels.generalized_gaussian(SIZE, *arguments, column(beta))[0], general / general.sum(), atol=1e-12
        )
        np.testing.assert_allclose(
            kernels.plateau(SIZE, *arguments, column(beta))[0], plateau / plateau.sum(), atol=1e-12
        )


def test_beta_one_is_the_gaussian():
    arguments = (column(2.5, 1.0), column(0.7, 3.0), column(0.4, -1.0))
    general = kernels.generalized_gaussian(SIZE, *arguments, column(1, 1))
    torch.testing.assert_close(general, kernels.gaussian(SIZE, *arguments), atol=1e-14, rtol=0)


def test_width_zero_is_the_identity():
    identity = torch.zeros(1, SIZE, SIZE, dtype=torch.float64)
    identity[0, 10, 10] = 1
    for theta in ANGLES:
        assert torch.equal(kernels.gaussian(SIZE, column(0), column(0), column(theta)), identity)
        torch.testing.assert_close(kernels.motion(SIZE, column(0), column(theta), column(0.2)), identity)
    assert torch.equal(kernels.disk(SIZE, column(0)), identity)
    none = make_blur_kernels(torch.tensor([0]), torch.zeros(1, 4, dtype=torch.float64), SIZE)
    assert torch.equal(none, identity)


@pytest.mark.parametrize("sigma", [0.2, 0.8, 1.9, 4.0])
def test_an_isotropic_gaussian_is_symmetric_and_has_no_direction(sigma):
    kernel = kernels.gaussian(SIZE, column(sigma), column(sigma), column(0.0))[0]
    torch.testing.assert_close(kernel, kernel.T, atol=1e-15, rtol=0)
    torch.testing.assert_close(kernel, kernel.flip(0), atol=1e-15, rtol=0)
    for theta in ANGLES:
        rotated = kernels.gaussian(SIZE, column(sigma), column(sigma), column(theta))[0]
        torch.testing.assert_close(rotated, kernel, atol=1e-14, rtol=0)


@pytest.mark.parametrize("operation", [b for b in BLURS if "theta" in b.parameters], ids=lambda b: b.name)
def test_theta_rotates_x_towards_y(operation):
    values = {"sigma": 3.0, "sigma_y": 0.8, "beta": 1.5, "length": 12.0, "curvature": 0.0, "theta": 0.0}
    make = lambda theta: operation.function(  # noqa: E731
        SIZE, *(column(theta if name == "theta" else values[name]) for name in operation.arguments)
    )[0].numpy()
    flat = compute_covariance(make(0.0))
    assert flat[0, 0] > 4 * flat[1, 1]  # long along x
    np.testing.assert_allclose(make(math.pi / 2), make(0.0).T, atol=1e-12)
    slanted = compute_covariance(make(math.pi / 6))
    assert slanted[0, 1] > 0  # x to the right, y down
    angle = 0.5 * math.atan2(2 * slanted[0, 1], slanted[0, 0] - slanted[1, 1])
    assert angle == pytest.approx(math.pi / 6, abs=0.03)  # the square window cuts the corners
    np.testing.assert_allclose(make(-math.pi / 6), make(math.pi / 6)[::-1], atol=1e-12)  # mirrored upside down


@pytest.mark.parametrize("cutoff", [math.pi / 3, math.pi / 2, 2.4, math.pi])
def test_sinc_agrees_with_scipy(cutoff):
    x, y = grid()
    radius = np.hypot(x, y)
    radius[10, 10] = 1  # replaced below
    expected = cutoff * j1(cutoff * radius) / (2 * np.pi * radius)
    expected[10, 10] = cutoff**2 / (4 * np.pi)
    expected /= expected.sum()
    np.testing.assert_allclose(kernels.sinc(SIZE, column(cutoff))[0], expected, atol=2e-7)  # torch's J1 errs by 5e-7
    np.testing.assert_allclose(kernels.sinc(SIZE, column(cutoff).float())[0], expected, atol=1e-6)
    assert expected.min() < 0  # negative lobes


def test_sinc_passes_below_and_stops_above_the_cutoff():
    kernel = kernels.sinc(41, column(math.pi / 2))[0]
    along = kernel.sum(0)  # the frequencies (w, 0)
    response = lambda w: (along * torch.cos(w * (torch.arange(41) - 20))).sum().item()  # noqa: E731
    assert response(0.5) == pytest.approx(1, abs=0.12)
    assert response(2.6) == pytest.approx(0, abs=0.12)


@pytest.mark.parametrize("radius", [1.0, 2.5, 4.7, 8.0])
def test_a_disk_is_uniform_with_a_soft_edge(radius):
    kernel = kernels.disk(SIZE, column(radius))[0].numpy()
    x, y = grid()
    distance = np.hypot(x, y)
    assert (kernel[distance >= radius + 0.5] == 0).all()
    inside = kernel[distance <= radius - 0.5]
    np.testing.assert_allclose(inside, inside[0], rtol=1e-12)
    assert (kernel > 0).sum() == (distance < radius + 0.5).sum()
    # a uniform disk has the variance radius^2 / 4 per axis; its soft edge and the pixel grid change that a little
    np.testing.assert_allclose(compute_covariance(kernel), np.eye(2) * (radius**2 / 4), atol=0.06 * radius**2 + 0.12)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-15)


@pytest.mark.parametrize("theta", ANGLES)
@pytest.mark.parametrize("length", [4.0, 11.0, 18.0])
def test_straight_motion_has_the_covariance_of_a_segment(length, theta):
    """length^2 / 12 along the direction, and what the bilinear splat adds, at most 1/4 per axis."""
    covariance = compute_covariance(kernels.motion(SIZE, column(length), column(theta), column(0.0))[0].numpy())
    direction = np.array([math.cos(theta), math.sin(theta)])
    normal = np.array([-direction[1], direction[0]])
    assert length**2 / 12 - 0.05 <= direction @ covariance @ direction <= length**2 / 12 + 0.3
    assert -1e-9 <= normal @ covariance @ normal <= 0.3


def test_curved_motion_is_bent_by_its_sagitta():
    length, curvature = 14.0, 0.25
    kernel = kernels.motion(SIZE, column(length), column(0.0), column(curvature))[0]
    axis = torch.arange(SIZE) - 10.0
    height = (kernel * axis[:, None]).sum(0) / kernel.sum(0).clamp(min=1e-9)  # mean y of each column
    ends, middle = height[[3, 17]], height[10]
    assert ends[0].item() == pytest.approx(ends[1].item(), abs=1e-9)
    assert (ends[0] - middle).item() == pytest.approx(curvature * length, abs=0.5)
    assert (kernel.sum(1) * axis).sum().item() == pytest.approx(0, abs=0.02)  # it does not shift the image
    assert (kernel.sum(0) * axis).sum().item() == pytest.approx(0, abs=1e-9)
    straight = kernels.motion(SIZE, column(length), column(0.0), column(0.0))[0]
    torch.testing.assert_close(kernel.sum(0), straight.sum(0))  # exposed evenly along the main direction


def test_families_in_one_batch_use_their_own_parameters():
    codes = torch.tensor([0, *(OPERATIONS.index(operation) for operation in BLURS)])
    parameters = torch.tensor([[2.0, 1.0, 0.5, 1.2, 0.0]] * len(codes), dtype=torch.float64)
    for row, code in enumerate(codes):  # 0: the side of the space
        names = list(OPERATIONS[code].parameters)
        parameters[row, names.index("kernel_size") if "kernel_size" in names else -1] = 0
    mixed = make_blur_kernels(codes, parameters, SIZE)
    for row, operation in enumerate(BLURS, 1):
        arguments = parameters[row, : len(operation.arguments)]
        torch.testing.assert_close(mixed[row], operation.function(SIZE, *arguments[:, None])[0])


@pytest.mark.parametrize("operation", [o for o in BLURS if "kernel_size" in o.parameters], ids=lambda o: o.name)
def test_a_kernel_of_its_own_side_is_the_one_of_that_side(operation):
    values = {"sigma": 2.5, "sigma_y": 1.5, "theta": 0.4, "beta": 0.7, "cutoff": 1.3}
    sides = torch.tensor([0.0, 21.0, 9.0, 7.0], dtype=torch.float64)
    row = [values.get(parameter, 0.0) for parameter in operation.parameters]
    parameters = torch.tensor([row] * 4, dtype=torch.float64)
    parameters[:, list(operation.parameters).index("kernel_size")] = sides
    made = make_blur_kernels(torch.full((4,), OPERATIONS.index(operation)), parameters, SIZE)
    for kernel, side in zip(made, [21, 21, 9, 7], strict=True):
        alone = operation.function(side, *(column(values[parameter]) for parameter in operation.arguments))[0]
        spare = (SIZE - side) // 2
        torch.testing.assert_close(kernel, torch.nn.functional.pad(alone, (spare,) * 4), atol=1e-12, rtol=0)
