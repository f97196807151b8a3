"""Errors in a space's YAML are refused with their place and what would be right."""

import pytest
import torch

from shared.degradations import Space, degrade, load_space
from tests.shared.degradations.example_spaces import draw, make_space

SIGMA = {"sigma": [0.2, 2]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("blurr", r"no degradation space 'blurr'; did you mean blur\?.*there are .*blur_noise"),
        ("dasr_isso", "did you mean dasr_iso"),
        ("xyz", r"no degradation space 'xyz' \(there are"),
        ("nowhere/mine.yaml", "nowhere/mine.yaml: no such file"),
    ],
)
def test_an_unknown_space_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        load_space(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [", "not valid YAML"),
        ("- gaussian", "must be a mapping with `steps` or `rows`"),
        ("", "must be a mapping"),
        ("scale: 1", "needs a non-empty list `steps`"),
        ("steps: []", "needs a non-empty list `steps`"),
        ("rows: [{name: a}]", "needs a non-empty list `steps`, or `rows` that each have one"),
        ("{shuffle: 'false', steps: [{quantize: {}}]}", "shuffle must be true or false, not 'false'"),
        ("{steps: [{quantize: {}}], rows: [{steps: [{quantize: {}}]}]}", "give `steps` or `rows`, not both"),
        ("step: [{quantize: {}}]", "unknown key 'step'; did you mean steps"),
        ("rows: [{nmae: a, steps: [{quantize: {}}]}]", "unknown key 'nmae'; did you mean name"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"mine.*{message}"):
        load_space(str(path))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"gausian": SIGMA}, "step 2: unknown operation 'gausian'; did you mean gaussian"),
        ({"gaussian": {"sgima": 1}}, "step 2, gaussian: unknown parameter 'sgima'; did you mean sigma"),
        ({"gaussian": {}}, "step 2: gaussian needs its parameter sigma"),
        ({"generalized_gaussian": SIGMA}, "generalized_gaussian needs its parameter beta"),
        ({"gaussian": {"sigma": [2, 1]}}, r"step 2, gaussian, sigma: uniform needs \[low, high\]"),
        ({"gaussian": {"sigma": "wide"}}, "step 2, gaussian, sigma: 'wide' is not a number"),
        ({"gaussian": {"sigma": {"normal": [1, 2]}}}, "is not a distribution; expected one of uniform"),
        ({"gaussian": 3}, "gaussian needs a mapping of its parameters, not 3"),
        ({"gaussian": SIGMA, "jpeg": {"quality": 50}}, "must name exactly one operation"),
        ({"gaussian": SIGMA, "probabilty": 0.5}, "probabilty"),
        ({"gaussian": SIGMA, "probability": 1.5}, "probability 1.5 must be within 0..1"),
        ({"gaussian": SIGMA, "probability": [0.2, 0.8]}, "probability"),
        ({"one_of": []}, "one_of needs a non-empty list"),
        ({"one_of": {"gaussian": SIGMA}}, "one_of needs a non-empty list"),
        ({"one_of": [{"gaussian": SIGMA}], "probabilty": 0.5}, "unknown key 'probabilty'; did you mean probability"),
        ({"one_of": [{"gaussian": SIGMA, "weight": -1}, {"quantize": {}}]}, "weight"),
        ({"one_of": [{"gaussian": SIGMA, "weight": "much"}]}, "step 2.*weight"),
        ({"gaussian": SIGMA, "weight": 2}, "weight"),
        ("gaussian", "'gaussian' is not a mapping"),
    ],
    ids=str,
)
def test_a_wrong_step_is_refused(step, message):
    with pytest.raises(ValueError, match=message):
        make_space({"quantize": {}}, step)


@pytest.mark.parametrize(
    "step",
    [
        {"gaussian": {"sigma": [-1, 2]}},
        {"gaussian_noise": {"noise_sigma": 25}},
        {"gaussian_noise": {"noise_sigma": -0.1}},
        {"jpeg": {"quality": [0, 50]}},
        {"jpeg": {"quality": 500}},
        {"sinc": {"cutoff": 0}},
        {"poisson": {"peak": 0}},
        {"disk": {"radius": -2}},
        {"motion": {"length": 30}},
        {"bicubic": {"relative_size": 0}},
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused(step):
    """Such as a forgotten /255, a cut-off of 0 (every pixel NaN) or a motion longer than the kernel."""
    (operation, parameters), *_ = step.items()
    with pytest.raises(ValueError, match=f"{operation}.*{list(parameters)[-1]}"):
        make_space(step, {"bicubic": {"relative_size": 1}})


@pytest.mark.parametrize("scale", [0, -2, 1.5, "4", True])
def test_a_wrong_scale_is_refused(scale):
    with pytest.raises(ValueError, match="scale must be a whole number within 1..16"):
        Space({"scale": scale, "steps": [{"quantize": {}}]}, "mine")


@pytest.mark.parametrize(
    ("size", "message"),
    [(20, "kernel_size 20 must be odd"), (1, "within 3..101"), (103, "within 3..101"), (21.0, "whole number")],
)
def test_a_wrong_kernel_size_is_refused(size, message):
    with pytest.raises(ValueError, match=message):
        Space({"kernel_size": size, "steps": [{"gaussian": SIGMA}]}, "mine")


def test_the_last_resize_must_go_to_the_scale():
    with pytest.raises(ValueError, match=r"last resize goes to relative_size 0.5, but scale 4 needs 0.25"):
        make_space({"bicubic": {"relative_size": "1/2"}}, scale=4)
    with pytest.raises(ValueError, match=r"goes to relative_size 1, but scale 2 needs 0.5"):
        make_space({"gaussian": SIGMA}, scale=2)
    with pytest.raises(ValueError, match=r"goes to relative_size 0.25, but scale 1 needs 1"):
        make_space({"bicubic": {"relative_size": "1/4"}})
    with pytest.raises(ValueError, match="but scale 4 needs 0.25"):  # one of a thousand rows skips the resize
        make_space({"bicubic": {"relative_size": "1/4"}, "probability": 0.999}, scale=4)


def test_the_scale_is_checked_in_every_listed_row():
    right, wrong = ({"steps": [{"bicubic": {"relative_size": size}}]} for size in ("1/2", "1/3"))
    Space({"scale": 2, "rows": [right]}, "mine")
    with pytest.raises(ValueError, match=r"0\.3333, but scale 2 needs 0\.5"):
        Space({"scale": 2, "rows": [right] * 200 + [wrong]}, "mine")


def test_two_shuffled_resizes_must_be_in_order():
    steps = [{"bicubic": {"relative_size": size}, "movable": True} for size in ("1/2", "1/4")]
    with pytest.raises(ValueError, match="but scale 4 needs 0.25"):
        Space({"scale": 4, "shuffle": True, "steps": steps}, "mine")
    ordered = Space({"scale": 4, "shuffle": True, "steps": [{**step, "in_order": True} for step in steps]}, "mine")
    assert all(row[-1][1]["relative_size"] == 0.25 for row in draw(ordered, 100).rows())


HALF = {"bilinear": {"relative_size": 0.5}}
TO_QUARTER = {"s_fold": {"relative_size": 0.25}}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"bilinear": {"relative_size": [0.5, 1.2]}}, TO_QUARTER], "no resize to a range of sizes before it"),
        ([{"s_fold": {"relative_size": [0.2, 0.5]}}, {"bicubic": {"relative_size": 0.25}}], "listed relative_size"),
        ([{"bilinear": {"relative_size": 0.6}}, TO_QUARTER], "whole factor, not one from size 0.6 to 0.25"),
        ([{**HALF, "probability": 0.5}, {"area": {"relative_size": 0.7}, "probability": 0.5}, TO_QUARTER], "size 0.7"),
        ([{**HALF, "movable": True}, {**TO_QUARTER, "movable": True, "in_order": True}], "s_fold needs"),
    ],
)
def test_an_s_fold_with_a_fractional_factor_in_some_draw_is_refused(steps, message):
    with pytest.raises(ValueError, match=message):
        Space({"scale": 4, "shuffle": "movable" in steps[0], "steps": steps}, "mine")


def test_an_s_fold_after_listed_sizes_is_accepted():
    space = Space({"scale": 4, "steps": [{**HALF, "probability": 0.5}, TO_QUARTER]}, "mine")
    degradation = space.draw(20, torch.Generator().manual_seed(0))
    assert degrade(torch.rand(20, 1, 3, 32, 32), degradation).shape == (20, 1, 3, 8, 8)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"rows": 5}, "`rows` must be a list of at most 10000 degradations"),
        ({"rows": [{"steps": [{"quantize": {}}]}] * 10_001}, "`rows` must be a list of at most 10000"),
        ({"steps": [{"quantize": {}}] * 101}, "101 steps are more than 100"),
        ({"steps": [{"gaussian": {"sigma": 1e308}}]}, r"values 1e\+308..1e\+308 are outside \[0, 1000\]"),
        ({"steps": [{"gaussian": {"sigma": 1, "theta": 1e300}}]}, r"are outside \[-1000, 1000\]"),
        ({"steps": [{"quantize": {}}], "margin": 10**9}, "margin must be a whole number within 0..4096"),
    ],
)
def test_sizes_that_would_fill_the_memory_are_refused(definition, message):
    with pytest.raises(ValueError, match=message):
        Space(definition, "mine")
