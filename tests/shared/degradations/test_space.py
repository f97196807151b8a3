"""Spaces: their draws, orders, margins and listed rows."""

import math

import pytest
import torch
from skimage import data

from shared.degradations import Space, degrade, list_spaces, load_space, required_margin
from shared.degradations.operations import CODES, OPERATIONS
from shared.degradations.words import describe_steps
from tests.shared.degradations.example_spaces import (
    SPACES_WITH_SHORT_MARGIN,
    draw,
    make_full_space,
    make_space,
    remove_steps,
)

NAMES = list_spaces()
LISTED = {"grid": 6, "grid_noise": 9}
BOUNDS = {  # of the parameters in all built-in spaces
    "sigma": (0, 4),
    "sigma_y": (0, 4),
    "theta": (-math.pi, math.pi),
    "beta": (0.5, 4),
    "cutoff": (math.pi / 5, math.pi),
    "relative_size": (0.1, 1.5),
    "noise_sigma": (0, 30 / 255),
    "peak": (28, 102_400),
    "quality": (10, 95),
    "length": (3, 28),
    "curvature": (0, 0.1),
    "radius": (1, 8),
    "offset_x": (0, 15),
    "offset_y": (0, 15),
    "kernel_size": (7, 25),
    "factor": (1 / 3, 2 / 3),
    "amount": (0.5, 0.5),
    "threshold": (10 / 255, 10 / 255),
}


def select_values(degradation, operation: str, parameter: str) -> torch.Tensor:
    index = list(OPERATIONS[CODES[operation]].parameters).index(parameter)
    return degradation.parameters[..., index][degradation.operation == CODES[operation]]


def test_the_documented_spaces_exist():
    documented = {
        "blur",
        "blur_noise",
        "dasr_iso",
        "dasr_iso_x2",
        "dasr_iso_x3",
        "dasr_aniso",
        "shuffled",
        "second_order",
        "photo",
        "grid",
    }
    assert documented <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_draws_of_built_in_spaces_lie_within_bounds_and_depend_on_the_generator_alone(name):
    space = load_space(name)
    degradation = draw(space, 500, seed=7)
    assert len(degradation) == 500
    assert degradation.parameters.dtype == torch.float32
    assert degradation.seed.unique().numel() == 500
    for row in degradation.rows():
        for _, values in row:
            for parameter, value in values.items():
                low, high = BOUNDS[parameter]
                assert low - 1e-6 <= value <= high * (1 + 1e-6)
    torch.manual_seed(1)  # the global generator is not used
    again = draw(space, 500, seed=7)
    assert torch.equal(again.operation, degradation.operation)
    assert torch.equal(again.parameters, degradation.parameters)
    assert torch.equal(again.seed, degradation.seed)
    other = draw(space, 500, seed=8)
    assert not torch.equal(other.seed, degradation.seed)


@pytest.mark.parametrize("name", NAMES)
def test_a_draw_ends_at_the_size_of_its_scale(name):
    space = load_space(name)
    side = 10 * space.scale
    out = degrade(torch.rand(24, 1, 3, side, 2 * side), draw(space, 24, seed=2))
    assert out.shape == (24, 1, 3, 10, 20)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_margin_is_sufficient_for_every_draw(name):
    space = load_space(name)
    margin = space.margin()
    assert margin % space.scale == 0
    for seed in range(1, 4):
        assert required_margin(draw(space, 1000, seed=seed)) <= margin or name in SPACES_WITH_SHORT_MARGIN


def test_a_margin_shorter_than_the_reach_changes_little():
    """In noise-free rows the pixels of a crop differ from those of the whole image by 0.01 levels on average."""
    space = load_space("shuffled")
    degradation = remove_steps(remove_steps(draw(space, 48), "noise"), "jpeg")
    photograph = torch.from_numpy(data.astronaut()[:480, :480]).permute(2, 0, 1).float() / 255
    whole = photograph.expand(48, 1, -1, -1, -1)
    crop = slice(112 - space.margin(), 368 + space.margin())  # multiples of 40, for which all sizes are whole
    found = degrade(whole[..., crop, crop], degradation, margin=space.margin())
    assert 255 * (found - degrade(whole, degradation)[..., 28:92, 28:92]).abs().mean() < 0.03


def test_the_margin_is_sufficient_for_rare_draws():
    """One row in 20,000 has a resize that the others do not have."""
    rare = {"one_of": [{"gaussian": {"sigma": 1}, "weight": 20_000}, {"bicubic": {"relative_size": "1/8"}}]}
    space = make_space(rare, {"gaussian": {"sigma": 2}}, {"bicubic": {"relative_size": "1/4"}}, scale=4)
    worst = make_space(
        {"bicubic": {"relative_size": "1/8"}},
        {"gaussian": {"sigma": 2}},
        {"bicubic": {"relative_size": "1/4"}},
        scale=4,
    )
    assert space.margin() >= required_margin(draw(worst, 1))


def test_dasr_draws_are_uniform_over_the_published_ranges():
    tops = {"dasr_iso": 4, "dasr_iso_x3": 3, "dasr_iso_x2": 2}
    for name, top in [*tops.items(), *((f"{name}_hr", top) for name, top in tops.items())]:
        degradation = draw(load_space(name), 20_000)
        widths = select_values(degradation, "gaussian", "sigma")
        assert torch.equal(widths, select_values(degradation, "gaussian", "sigma_y"))
        quantiles = torch.quantile(widths, torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
        expected = torch.linspace(0.2, top, 5)
        torch.testing.assert_close(quantiles, expected, atol=0.02 * top, rtol=0)
    degradation = draw(load_space("dasr_aniso"), 20_000)
    columns = [select_values(degradation, "gaussian", p) for p in ("sigma", "sigma_y", "theta")]
    columns.append(select_values(degradation, "gaussian_noise", "noise_sigma"))
    for column, (low, high) in zip(columns, ((0.2, 4), (0.2, 4), (0, math.pi), (0, 25 / 255)), strict=True):
        assert column.min() == pytest.approx(low, abs=0.01 * high)
        assert column.max() == pytest.approx(high, rel=0.01)
        assert column.mean() == pytest.approx((low + high) / 2, rel=0.02)
    assert torch.corrcoef(torch.stack(columns)).fill_diagonal_(0).abs().max() < 0.035


@pytest.mark.parametrize(("name", "count"), LISTED.items())
def test_a_listed_space_has_its_rows_in_order_and_draws_all_of_them(name, count):
    space = load_space(name)
    assert space.is_list
    listed = space.draw_listed(torch.Generator().manual_seed(0))
    assert len(listed) == len(space.row_names) == len(set(space.row_names)) == count
    assert torch.equal(listed.equals(listed), torch.eye(count, dtype=torch.bool))
    is_row = draw(space, 3000).equals(listed)
    assert (is_row.sum(1) == 1).all()
    share = is_row.double().mean(0)
    assert (share - 1 / count).abs().max() < 0.03
    assert space.row_names == [describe_steps(steps, space.scale) for steps in listed.rows()]


def test_a_space_of_steps_lists_one_row():
    space = load_space("blur")
    assert not space.is_list
    assert len(space.draw_listed(torch.Generator().manual_seed(0))) == 1


def test_a_space_may_refer_to_a_listed_one_for_probes():
    for name in NAMES:
        probe = load_space(name).probe
        assert probe or not name.startswith(("blur", "dasr"))
        assert not probe or load_space(probe).is_list
        assert not probe or load_space(probe).scale == load_space(name).scale


def test_shuffled_draws_random_orders_and_keeps_the_steps_that_are_in_order():
    space = load_space("shuffled")
    degradation = draw(space, 4000)
    kinds = [[OPERATIONS[code].kind for code in row if code] for row in degradation.operation.tolist()]
    orders = {tuple(row) for row in kinds}
    assert len(orders) > 100
    halved = (degradation.operation[:, 0] > 0).tolist()
    for row, is_halved in zip(kinds, halved, strict=True):
        assert row.count("blur") == 2
        assert row.count("resize") == 2 + is_halved
        assert row.count("noise") == 1
        assert row[-1] == "jpeg"
    share = sum(row.count("jpeg") == 2 for row in kinds) / 4000
    assert share == pytest.approx(0.9, abs=0.02)
    sizes = [[values["relative_size"] for _, values in row if "relative_size" in values] for row in degradation.rows()]
    assert all(first == 0.5 for (*first, _, _) in sizes for first in first)
    assert {round(second, 4) for (*_, second, _) in sizes} == {0.6, 0.325, 0.25, 0.225, 0.175, 0.15}
    assert all(last == 0.25 for (*_, last) in sizes)
    # each of the six movable steps comes first equally often: two blurs, two resizes (in their order), noise, JPEG
    first = [row[is_halved] for row, is_halved in zip(kinds, halved, strict=True) if len(row) == 7 + is_halved]
    assert first.count("blur") / len(first) == pytest.approx(2 / 6, abs=0.04)
    assert first.count("resize") / len(first) == pytest.approx(2 / 6, abs=0.04)
    assert first.count("noise") / len(first) == pytest.approx(1 / 6, abs=0.03)


def test_a_shuffle_moves_parameters_with_their_operations_and_leaves_other_steps_in_place():
    steps = [
        {"quantize": {}},
        {"gaussian": {"sigma": 1}, "movable": True},
        {"jpeg": {"quality": 50}},
        {"disk": {"radius": 2}, "movable": True},
        {"gaussian_noise": {"noise_sigma": 0.01}, "movable": True},
    ]
    rows = draw(Space({"shuffle": True, "steps": steps}, "mixed"), 600).rows()
    expected = {"gaussian": 1.0, "disk": 2.0, "gaussian_noise": pytest.approx(0.01), "jpeg": 50.0}
    orders = []
    for row in rows:
        names = [name for name, _ in row]
        assert (names[0], names[2]) == ("quantize", "jpeg")
        assert all(next(iter(values.values())) == expected[name] for name, values in row if values)
        orders.append(tuple(names))
    assert len(set(orders)) == 6
    assert all(60 < orders.count(order) < 145 for order in set(orders))
    without_shuffle = draw(make_space(*steps), 50).rows()
    assert len({tuple(name for name, _ in row) for row in without_shuffle}) == 1


def test_steps_are_applied_with_their_probability_and_choices_by_weight():
    steps = [
        {"gaussian": {"sigma": 1}, "probability": 0.3},
        {"one_of": [{"disk": {"radius": 1}, "weight": 3}, {"sinc": {"cutoff": 2}}], "probability": 0.8},
    ]
    names = [tuple(name for name, _ in row) for row in draw(make_space(*steps), 20_000).rows()]
    share = lambda name: sum(name in row for row in names) / 20_000  # noqa: E731
    assert share("gaussian") == pytest.approx(0.3, abs=0.015)
    assert share("disk") == pytest.approx(0.6, abs=0.015)
    assert share("sinc") == pytest.approx(0.2, abs=0.015)
    both = sum({"gaussian", "disk"} <= set(row) for row in names) / 20_000
    assert both == pytest.approx(0.18, abs=0.015)  # independent


def test_a_probability_does_not_change_the_draws_of_other_steps():
    def draw_sigmas(probability: float) -> torch.Tensor:
        steps = [{"disk": {"radius": [1, 3]}, "probability": probability}, {"gaussian": {"sigma": [0, 3]}}]
        return select_values(draw(make_space(*steps), 50), "gaussian", "sigma")

    assert torch.equal(draw_sigmas(0.1), draw_sigmas(0.9))


def test_a_yaml_of_the_user_is_loaded(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "description: mine\nscale: 2\nkernel_size: 13\nsteps:\n"
        "  - motion: {length: [2, 10], theta: [0, pi]}\n  - s_fold: {relative_size: 1/2}\n"
        "  - speckle: {noise_sigma: 5/255}\n"
    )
    space = load_space(str(path))
    assert (space.name, space.scale, space.kernel_size) == ("mine", 2, 13)
    degradation = draw(space, 5)
    assert (degradation.scale, degradation.kernel_size) == (2, 13)
    assert select_values(degradation, "motion", "curvature").tolist() == [0] * 5
    assert degrade(torch.rand(5, 1, 3, 20, 20), degradation).shape == (5, 1, 3, 10, 10)


def test_a_space_can_contain_every_operation():
    codes = draw(make_full_space(), 2000).operation.unique().tolist()
    assert {OPERATIONS[code].name for code in codes} == {o.name for o in OPERATIONS} - {"s_fold", "gaussian_s_fold"}


def test_near_rows_differ_in_one_operation_only():
    space = load_space("blur_noise")
    degradation = space.draw_near(40, 8, torch.Generator().manual_seed(0))
    varying_steps = set()
    for group in degradation.parameters.view(5, 8, *degradation.parameters.shape[1:]):
        differs = (group != group[:1]).flatten(2).any(2).any(0)  # (S,)
        assert differs.sum() == 1
        varying_steps.add(int(differs.nonzero()))
    assert varying_steps == {0, 1}
    assert len(degradation.seed.unique()) == 40


@pytest.mark.parametrize("name", ["blur", "shuffled", "grid"])
def test_near_rows_need_two_operations_in_a_fixed_order(name):
    with pytest.raises(ValueError, match="near rows need a fixed order and two operations"):
        load_space(name).draw_near(8, 4, torch.Generator())


def test_a_probe_in_the_folder_of_a_space_is_found_from_any_folder(tmp_path):
    (tmp_path / "mine.yaml").write_text("{probe: listed.yaml, steps: [{gaussian: {sigma: [0.2, 2]}}]}")
    (tmp_path / "listed.yaml").write_text("rows: [{name: sharp, steps: [{gaussian: {sigma: 0.3}}]}]")
    assert load_space(load_space(str(tmp_path / "mine.yaml")).probe).row_names == ["sharp"]
