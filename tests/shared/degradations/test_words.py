"""Degradations in words: one vocabulary, in which every built-in list is written."""

import math
from pathlib import Path

import pytest
import torch

from shared.degradations import Degradation, Space, list_spaces, load_space
from shared.degradations.operations import OPERATIONS
from shared.degradations.words import describe_steps, name_family

PROBES = sorted((Path(__file__).parents[3] / "analysis" / "probes").glob("*.yaml"))


def steps_of(*steps: dict, scale: int = 1) -> list:
    space = Space({"scale": scale, "steps": list(steps)}, "tested")
    return space.draw(1, torch.Generator().manual_seed(0)).rows()[0]


def rescaled(*methods: str, size: object = "1/2") -> tuple[dict, ...]:
    first, last = methods
    return {first: {"relative_size": size}}, {last: {"relative_size": 1}}


@pytest.mark.parametrize(
    ("steps", "words", "family"),
    [
        (({"quantize": {}},), "untouched", "untouched"),
        (({"gaussian": {"sigma": 0}}, {"gaussian_noise": {"noise_sigma": 0}}), "untouched", "untouched"),
        (({"gaussian": {"sigma": 2.1}},), "round blur 2.1 px", "round blur"),
        (({"gaussian": {"sigma": 1.35}},), "round blur 1.35 px", "round blur"),
        (({"gaussian": {"sigma": 2, "sigma_y": 2.1}},), "round blur 2.05 px", "round blur"),
        (
            ({"gaussian": {"sigma": 0.7, "sigma_y": 3, "theta": 0}},),
            "oblong blur 3.0 x 0.7 px at 90 degrees",
            "oblong blur",
        ),
        (({"gaussian": {"sigma": 3, "sigma_y": 0, "theta": "pi"}},), "oblong blur 3.0 x 0.0 px at 0 degrees", None),
        (({"motion": {"length": 15}},), "motion blur 15 px at 0 degrees", "motion blur"),
        (({"disk": {"radius": 3}},), "defocus 3 px", "defocus"),
        (({"disk": {"radius": 2.25}}, {"jpeg": {"quality": 30}}), "defocus 2.2 px, JPEG 30", "defocus + JPEG"),
        (({"gaussian_noise": {"noise_sigma": 14.4 / 255}},), "noise 14", "noise"),
        (({"poisson": {"peak": 200}},), "shot noise 13", "shot noise"),
        (({"rescale": {"factor": "1/2"}},), "rescaled 1/2", "rescaled"),
        (({"rescale": {"factor": 0.47}},), "rescaled 0.47", "rescaled"),
        (rescaled("bicubic", "bicubic"), "rescaled 1/2", "rescaled"),
        (rescaled("nearest", "nearest", size="2/3"), "rescaled 2/3 (nearest)", "rescaled"),
        (rescaled("bicubic", "area"), "rescaled 1/2, rescaled by area", "rescaled"),
        (({"unsharp_mask": {}}, {"jpeg": {"quality": 30}}), "sharpened 0.5, JPEG 30", "JPEG"),
        (({"unsharp_mask": {}},), "sharpened 0.5", "sharpened"),
    ],
)
def test_each_kind_of_degradation_has_words(steps, words, family):
    assert describe_steps(steps_of(*steps)) == words
    assert name_family(steps_of(*steps)) == (family or "oblong blur")


def test_down_sampling_that_all_patches_have_is_not_told_unless_its_method_is_unusual():
    down = {"bicubic": {"relative_size": "1/4"}}
    assert describe_steps(steps_of({"gaussian": {"sigma": 2}}, down, scale=4), 4) == "round blur 2.0 px"
    assert describe_steps(steps_of({"area": {"relative_size": "1/4"}}, scale=4), 4) == "down-sampled by area"
    folded = steps_of({"gaussian_s_fold": {"relative_size": "1/4", "sigma": 1.2}}, scale=4)
    assert describe_steps(folded, 4) == "round blur 1.2 px, down-sampled by every n-th pixel"
    assert name_family(folded, 4) == "round blur"


def test_the_direction_in_words_is_that_of_the_parameters(tmp_path):
    from tests.shared.probing.small_probes import small_probe

    written = "rows:\n" + "".join(
        f"  - {{name: '{i}', steps: [{{gaussian: {{sigma: {a}, sigma_y: {b}, theta: {math.radians(t)}}}}}]}}\n"
        for i, (a, b, t) in enumerate([(3, 1, 20), (1, 3, 20), (1, 3, 110), (3, 1, 200)])
    )
    probe = small_probe(tmp_path, written=written)
    told = [float(words.split()[-2]) for words in probe.words()]
    off = (probe.parameters()["angle"] - told + 90) % 180 - 90
    assert abs(off).max() < 2


@pytest.mark.parametrize("space", [*list_spaces(), *(str(path) for path in PROBES)])
def test_built_in_lists_are_written_in_these_words_and_every_draw_has_some(space):
    loaded = load_space(space)
    generator = torch.Generator().manual_seed(0)
    if loaded.is_list:
        rows = loaded.draw_listed(generator).rows()
        assert [describe_steps(steps, loaded.scale) for steps in rows] == loaded.row_names
    for steps in loaded.draw(50, generator).rows():
        for text in (describe_steps(steps, loaded.scale), name_family(steps, loaded.scale)):
            assert text
            assert "_" not in text


def test_every_operation_with_an_effect_has_words():
    for code, operation in enumerate(OPERATIONS):
        if operation.kind in ("none", "quantize"):
            continue
        record = Degradation(
            torch.tensor([[code]]), torch.full((1, 1, 5), 0.5), torch.zeros(1, dtype=torch.int64), 2, 21
        )
        text = describe_steps(record.rows()[0], 2)
        assert (text == "untouched") == (operation.name == "bicubic"), operation.name
