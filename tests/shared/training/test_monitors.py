"""Measures of the embedding against their formulas, and descriptions of a collapse."""

import math

import numpy as np
import pytest
import torch

from shared.training.monitors import (
    alignment,
    describe_collapse,
    effective_rank,
    normalised_std,
    uniformity,
)


def gaussian(count: int, dim: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def normalise(embedding: torch.Tensor) -> np.ndarray:
    array = embedding.double().numpy()
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_alignment_agrees_with_its_formula():
    first, second = gaussian(50, 16), gaussian(50, 16, seed=1)
    expected = ((normalise(first) - normalise(second)) ** 2).sum(1).mean()
    assert alignment(first, second).item() == pytest.approx(expected, rel=1e-5)
    assert alignment(first, 3 * first).item() == pytest.approx(0, abs=1e-6)
    assert alignment(first, -first).item() == pytest.approx(4, rel=1e-5)


def test_uniformity_agrees_with_its_formula():
    embedding = gaussian(40, 16)
    points = normalise(embedding)
    pairs = [np.exp(-2 * ((points[i] - points[j]) ** 2).sum()) for i in range(40) for j in range(i)]
    assert uniformity(embedding).item() == pytest.approx(math.log(np.mean(pairs)), rel=1e-4)
    assert uniformity(torch.ones(8, 16)).item() == pytest.approx(0, abs=1e-6)


def test_std_is_one_around_the_origin_and_zero_when_collapsed():
    assert normalised_std(gaussian(2000, 128)).item() == pytest.approx(1, abs=0.01)
    assert normalised_std(100 * gaussian(2000, 128)).item() == pytest.approx(1, abs=0.01)
    assert normalised_std(torch.ones(100, 128)).item() == pytest.approx(0, abs=1e-3)
    off_centre = gaussian(500, 16) + 2
    expected = np.sqrt(16 * normalise(off_centre).var(0).mean())
    assert normalised_std(off_centre).item() == pytest.approx(expected, rel=1e-4)


def test_effective_rank_counts_equal_directions():
    """Rows that are k orthogonal directions, equally often, have k equal singular values."""
    basis = torch.linalg.qr(gaussian(32, 32)).Q
    for rank in (1, 5, 32):
        assert effective_rank(basis[torch.arange(160) % rank]).item() == pytest.approx(rank, rel=1e-3)


def test_effective_rank_agrees_with_its_formula():
    embedding = gaussian(64, 16) * torch.linspace(0.01, 1, 16)
    singular = np.linalg.svd(normalise(embedding), compute_uv=False)
    share = singular / singular.sum()
    assert effective_rank(embedding).item() == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-4)


def test_measures_are_detached_and_accept_bfloat16():
    embedding = gaussian(16, 8).bfloat16().requires_grad_()
    for value in (alignment(embedding, embedding), uniformity(embedding), normalised_std(embedding)):
        assert not value.requires_grad
        assert value.dtype == torch.float32
    assert effective_rank(embedding).isfinite()


def test_healthy_projections_have_no_description():
    assert describe_collapse(gaussian(64, 128)) is None
    three_parameters = gaussian(256, 3) @ gaussian(3, 128, seed=1)
    assert describe_collapse(three_parameters) is None


def test_a_complete_collapse_is_described():
    message = describe_collapse(torch.ones(64, 128) + 0.01 * gaussian(64, 128))
    assert message is not None
    assert "collapse" in message
    assert "of 64, std 0.01 where 1 is healthy" in message
    assert "all views have nearly the same projection" in message


def test_a_collapse_to_a_line_is_described():
    message = describe_collapse(gaussian(64, 1) * torch.ones(128) + 0.001 * gaussian(64, 128, seed=1))
    assert message is not None
    assert "effective rank 1." in message
    assert "one direction only" in message


def test_nan_is_described():
    message = describe_collapse(torch.full((4, 8), float("nan")))
    assert message is not None
    assert "NaN" in message


def test_zeros_are_a_collapse():
    message = describe_collapse(torch.zeros(64, 128))
    assert message is not None
    assert "all views have nearly the same projection" in message
