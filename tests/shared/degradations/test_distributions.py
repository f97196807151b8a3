"""Numbers and distributions as a YAML defines them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shared.degradations.distributions import Distribution, parse_number


def draw_values(definition: object, count: int = 20_000) -> torch.Tensor:
    uniform = torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Distribution(definition, "here").draw(uniform)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (3, 3.0),
        (2.5, 2.5),
        ("2.5", 2.5),
        ("pi", math.pi),
        ("-pi", -math.pi),
        ("25/255", 25 / 255),
        ("1/3", 1 / 3),
        ("2*pi/3", 2 * math.pi / 3),
        ("pi / 2", math.pi / 2),
        ("-pi/4", -math.pi / 4),
        ("1e-3", 1e-3),
        ("-2", -2.0),
    ],
)
def test_numbers(text, value):
    assert parse_number(text, "here") == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text", ["two", "", "1/0", "1/2/3", "pi pi", "__import__('os')", True, None, [1], {"a": 1}, "2**3"]
)
def test_other_values_are_refused(text):
    with pytest.raises(ValueError, match="space x, step 1: .* is not a number"):
        parse_number(text, "space x, step 1")


@pytest.mark.parametrize("text", ["nan", float("nan"), "inf", float("-inf")])
def test_infinite_numbers_are_refused(text):
    with pytest.raises(ValueError, match="is not a number"):
        parse_number(text, "here")


def test_a_constant_has_one_value():
    assert torch.equal(draw_values(0.7), torch.full((20_000,), 0.7, dtype=torch.float64))
    assert Distribution("pi", "here").bounds == (math.pi, math.pi)


@pytest.mark.parametrize(
    ("definition", "cdf"),
    [
        ([1, 4], stats.uniform(1, 3).cdf),
        ({"uniform": [-1, "pi"]}, stats.uniform(-1, 1 + math.pi).cdf),
        ({"log_uniform": [0.01, 100]}, stats.loguniform(0.01, 100).cdf),
        ({"root_uniform": [0.1, 2.83]}, lambda x: (x**2 - 0.1**2) / (2.83**2 - 0.1**2)),
        ({"inverse_root_uniform": [4, 100]}, lambda x: (1 / 2 - x**-0.5) / (1 / 2 - 1 / 10)),
    ],
)
def test_draws_have_the_defined_distribution(definition, cdf):
    values = draw_values(definition).numpy()
    low, high = Distribution(definition, "here").bounds
    assert low <= values.min()
    assert values.max() <= high
    assert stats.kstest(values, cdf).pvalue > 1e-3


def test_the_values_of_a_choice_are_equally_likely():
    values = draw_values({"choice": [1, 0.5, "1/4"]})
    assert sorted(values.unique().tolist()) == [0.25, 0.5, 1.0]
    for value in (0.25, 0.5, 1.0):
        assert (values == value).double().mean().item() == pytest.approx(1 / 3, abs=0.015)
    assert Distribution({"choice": [1, 0.5, "1/4"]}, "here").bounds == (0.25, 1.0)


@given(
    kind=st.sampled_from(["uniform", "log_uniform", "root_uniform", "inverse_root_uniform"]),
    bounds=st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=2).map(sorted),
    uniform=st.floats(0, 1 - 2**-53),
)
def test_every_draw_lies_within_the_bounds_and_grows_with_the_uniform(kind, bounds, uniform):
    low, high = bounds
    values = Distribution({kind: bounds}, "here").draw(torch.tensor([0.0, uniform / 2, uniform], dtype=torch.float64))
    assert values[0].item() == pytest.approx(low, rel=1e-12)
    assert low * (1 - 1e-12) <= values[2] <= high * (1 + 1e-12)
    assert values[0] <= values[1] * (1 + 1e-12) <= values[2] * (1 + 2e-12)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"unifrom": [0, 1]}, "unifrom.* is not a distribution; expected one of uniform, log_uniform"),
        ({"uniform": [0, 1], "choice": [1]}, "is not a distribution"),
        ({}, "is not a distribution"),
        ([4, 1], r"uniform needs \[low, high\] with low <= high, not \[4, 1\]"),
        ([1, 2, 3], r"uniform needs \[low, high\]"),
        ([1], r"uniform needs \[low, high\]"),
        ({"log_uniform": [0, 1]}, "log_uniform needs positive bounds"),
        ({"inverse_root_uniform": [0, 1]}, "inverse_root_uniform needs positive bounds"),
        ({"root_uniform": [-2, 1]}, "root_uniform needs bounds of at least 0"),
        ({"choice": []}, "the list is empty"),
        (["a", 2], "'a' is not a number"),
        (None, "None is not a number"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(definition, message):
    with pytest.raises(ValueError, match=f"space x, step 2: .*{message}"):
        Distribution(definition, "space x, step 2")


def test_either_takes_its_parts_equally_often():
    values = draw_values({"either": [[0.5, 1], [1, 4], 5]})
    for low, high in ((0.5, 1), (1, 4)):
        inside = values[(values > low) & (values < high)]
        assert len(inside) / len(values) == pytest.approx(1 / 3, abs=0.01)
        assert stats.kstest(inside.numpy(), stats.uniform(low, high - low).cdf).pvalue > 1e-3
    assert (values == 5).double().mean() == pytest.approx(1 / 3, abs=0.01)
    assert Distribution({"either": [[0.5, 1], [1, 4], 5]}, "here").bounds == (0.5, 5)


@pytest.mark.parametrize("definition", [{"either": []}, {"either": [[2, 1]]}, {"either": [[1, 2], "two"]}])
def test_a_wrong_part_of_either_is_refused(definition):
    with pytest.raises(ValueError, match="^space x: "):
        Distribution(definition, "space x")
