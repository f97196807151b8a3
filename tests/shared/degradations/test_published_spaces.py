"""The spaces of Real-ESRGAN and BSRGAN against their published distributions, in 100,000 rows each."""

import math

import pytest
import torch

from shared.degradations import Degradation, load_space
from shared.degradations.operations import CODES, OPERATIONS
from tests.shared.degradations.example_spaces import draw

ROWS = 100_000
RESIZES = ("bilinear", "plain_bicubic", "area")


class Drawn:
    """Many rows of a space, step by step; the steps of a shuffled space stand where they are in the YAML."""

    def __init__(self, name: str) -> None:
        space = load_space(name)
        space.shuffle = False
        self.rows: Degradation = draw(space, ROWS)

    def share(self, step: int, *names: str) -> float:
        """The share of the rows that have one of these operations at a step."""
        codes = torch.tensor([CODES[name] for name in names])
        return torch.isin(self.rows.operation[:, step], codes).double().mean().item()

    def values(self, step: int, name: str, parameter: str) -> torch.Tensor:
        """The values of a parameter in the rows that have an operation at a step."""
        index = list(OPERATIONS[CODES[name]].parameters).index(parameter)
        return self.rows.parameters[self.rows.operation[:, step] == CODES[name], step, index]


@pytest.fixture(scope="module")
def second_order() -> Drawn:
    return Drawn("second_order")


@pytest.fixture(scope="module")
def shuffled() -> Drawn:
    return Drawn("shuffled")


def near(value: float, tolerance: float = 0.01):
    return pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize(("step", "top", "applied"), [(1, 3, 1.0), (5, 1.5, 0.8)])
def test_blurs_of_the_second_order_space(second_order, step, top, applied):
    shares = {"gaussian": 0.9 * 0.7, "generalized_gaussian": 0.9 * 0.15, "plateau": 0.9 * 0.15, "sinc": 0.1}
    for name, share in shares.items():
        assert second_order.share(step, name) == near(applied * share)
    for name, isotropic in (("gaussian", 0.45 / 0.7), ("generalized_gaussian", 0.8), ("plateau", 0.8)):
        sigma, sigma_y = (second_order.values(step, name, parameter) for parameter in ("sigma", "sigma_y"))
        assert (sigma == sigma_y).double().mean().item() == near(isotropic, 0.02)
        assert sigma.mean().item() == near((0.2 + top) / 2, 0.02)
        assert sigma.max().item() <= top
    beta = second_order.values(step, "generalized_gaussian", "beta")
    assert (beta < 1).double().mean().item() == near(0.5, 0.02)
    assert beta[beta < 1].mean().item() == near(0.75)
    assert beta[beta > 1].mean().item() == near(2.5, 0.05)
    beta = second_order.values(step, "plateau", "beta")
    assert (beta == 1).double().mean().item() == near(0.5, 0.02)
    assert beta[beta > 1].mean().item() == near(1.5, 0.02)
    sides, cutoff = second_order.values(step, "sinc", "kernel_size"), second_order.values(step, "sinc", "cutoff")
    assert cutoff[sides < 13].min().item() == near(math.pi / 3, 0.02)
    assert cutoff[sides >= 13].min().item() == near(math.pi / 5, 0.02)
    assert (sides < 13).double().mean().item() == near(3 / 8, 0.02)
    for name in shares:
        sides = second_order.values(step, name, "kernel_size")
        assert sides.unique().tolist() == [7, 9, 11, 13, 15, 17, 19, 21]
        assert sides.mean().item() == near(14, 0.2)


def test_resizes_of_the_second_order_space(second_order):
    for step, shares, means in ((2, (0.2, 0.7, 0.1), (1.25, 0.575)), (6, (0.3, 0.4, 0.3), (1.1, 0.65))):
        size = second_order.rows.parameters[:, step, 0] * (1 if step == 2 else 4)  # as published, relative to the end
        up, down = size > 1.001, size < 0.999
        assert [part.double().mean().item() for part in (up, down, ~up & ~down)] == [near(share) for share in shares]
        assert size[up].mean().item() == near(means[0])
        assert size[down].mean().item() == near(means[1])
        for name in RESIZES:
            assert second_order.share(step, name) == near(1 / 3)
    for name in RESIZES:
        assert second_order.share(8, name) == near(1 / 3)


def test_noise_and_jpeg_of_the_second_order_space(second_order):
    for step, levels, scales in ((3, 30, 3), (7, 25, 2.5)):
        for names, share in ((("gaussian_noise", "poisson"), 0.3), (("gray_noise", "gray_poisson"), 0.2)):
            assert [second_order.share(step, name) for name in names] == [near(share)] * 2
        level = 255 * second_order.values(step, "gaussian_noise", "noise_sigma")
        assert level.mean().item() == near((1 + levels) / 2, 0.2)
        scale = (256 / second_order.values(step, "poisson", "peak")).sqrt()
        assert scale.mean().item() == near((0.05 + scales) / 2, 0.02)
    for step in (4, 10):
        assert second_order.values(step, "jpeg", "quality").mean().item() == near(62.5, 0.2)
    assert second_order.share(0, "unsharp_mask") == 1
    assert second_order.share(9, "sinc") == near(0.8)
    assert second_order.values(9, "sinc", "cutoff").min().item() == near(math.pi / 3, 0.02)


def test_the_last_sinc_comes_before_or_after_the_last_jpeg():
    drawn = draw(load_space("second_order"), 10_000)
    assert (drawn.operation[:, -1] == CODES["jpeg"]).double().mean().item() == near(0.5, 0.02)
    assert (drawn.operation[:, 8] > 0).all()
    resizes = torch.tensor([CODES[name] for name in RESIZES])
    assert torch.isin(drawn.operation[:, 8], resizes).all()


@pytest.mark.parametrize("step", [1, 2])
def test_blurs_of_the_shuffled_space(shuffled, step):
    sigma, sigma_y = (shuffled.values(step, "gaussian", parameter) for parameter in ("sigma", "sigma_y"))
    is_round = sigma == sigma_y
    assert is_round.double().mean().item() == near(0.5)
    assert sigma[is_round].mean().item() == near(1.4, 0.02)
    assert sigma[~is_round].square().mean().item() == near(4, 0.05)  # eigenvalues are uniform up to 8
    sides = shuffled.values(step, "gaussian", "kernel_size")
    assert sides.unique().tolist() == list(range(7, 26, 2))
    assert sides.mean().item() == near(16, 0.2)


def test_resizes_of_the_shuffled_space(shuffled):
    assert shuffled.share(0, *RESIZES, "bicubic") == near(0.25)
    assert shuffled.share(0, "bicubic") == near(0.125)
    for name in RESIZES:
        assert shuffled.share(0, name) == near(0.125 / 3)
        assert shuffled.share(3, name) == near(0.25)
        assert shuffled.share(4, name) == near(1 / 3)
        second = shuffled.values(3, name, "relative_size")
        assert second.median().item() == near(1 / 4.5)
        assert second.mean().item() == near(math.log(8) / 7)
    assert shuffled.share(3, "gaussian_s_fold") == near(0.25)
    assert shuffled.values(3, "gaussian_s_fold", "sigma").mean().item() == near(1.25, 0.02)
    assert shuffled.values(3, "gaussian_s_fold", "relative_size").unique().tolist() == [0.25]


def test_noise_and_jpeg_of_the_shuffled_space(shuffled):
    assert [shuffled.share(5, name) for name in ("gaussian_noise", "gray_noise")] == [near(0.5)] * 2
    assert (255 * shuffled.values(5, "gray_noise", "noise_sigma")).mean().item() == near(13.5, 0.1)
    assert shuffled.share(6, "jpeg") == near(0.9)
    assert shuffled.share(7, "jpeg") == 1
    for step in (6, 7):
        assert shuffled.values(step, "jpeg", "quality").mean().item() == near(62.5, 0.2)
