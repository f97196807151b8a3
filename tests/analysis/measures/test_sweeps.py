"""One-parameter sweeps: found among listed degradations, and measured as distances from their first value."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from analysis.embedding.probe_spaces import load_probe_space
from analysis.measures.sweeps import Sweep, _correlate, find_sweeps, measure_sweep
from shared.probing import build_probe_set
from tests.shared.probing.small_probes import DRAWN_BLURS, THREE_BLURS, small_probe, small_store


def sweeps_of(name: str) -> dict:
    space = load_probe_space(name)
    probe = build_probe_set(space, small_store(4), patch=16, size=4 * len(space.row_names), seed=0)
    return {sweep.name: sweep for sweep in find_sweeps(probe)}


def test_the_built_in_sweep_varies_one_parameter_at_a_time():
    sweeps = sweeps_of("sweep")
    assert list(sweeps) == [
        *("round blur width", "oblong blur direction", "motion blur length"),
        *("defocus radius", "noise level", "JPEG quality"),
    ]
    noise, quality = sweeps["noise level"], sweeps["JPEG quality"]
    assert noise.values.tolist() == [0, 2, 4, 7, 10, 15, 20, 25]  # untouched is the noise of level 0
    assert noise.unit == "8-bit levels"
    assert quality.values.tolist() == [100, 95, 85, 70, 50, 30, 15]  # from the least effect to the strongest
    assert quality.progress.tolist() == [0, 5, 15, 30, 50, 70, 85]
    direction = sweeps["oblong blur direction"]
    assert direction.progress.tolist() == [0, 20, 40, 60, 80, 80, 60, 40, 20]
    assert direction.rows.shape == (4, 9)


def test_sweeps_are_found_among_other_degradations_and_have_different_names():
    grid = sweeps_of("grid")
    assert grid["round blur width"].values.tolist() == pytest.approx([0, 0.6, 1, 1.5, 2.2, 3.2])
    assert [name for name in grid if "direction" in name] == [
        "oblong blur direction",
        "oblong blur direction, from oblong blur 3.0 x 0.7 px at 0 degrees",
    ]
    crossed = sweeps_of("grid_noise")
    assert crossed["round blur width, with noise 8"].values.tolist() == pytest.approx([0.6, 1.8, 3.4])
    assert "noise level, with round blur 1.8 px" in crossed
    assert sweeps_of("unseen") == {}


def test_down_sampled_lists_have_sweeps_too(tmp_path):
    down = "{bicubic: {relative_size: 1/2}}"
    rows = "".join(f"  - {{name: '{s}', steps: [{{gaussian: {{sigma: {s}}}}}, {down}]}}\n" for s in (1, 2, 3))
    probe = small_probe(tmp_path, written=f"scale: 2\nrows:\n{rows}", images=4)
    (sweep,) = find_sweeps(probe)
    assert sweep.name == "round blur width"


@pytest.mark.parametrize("written", [THREE_BLURS, DRAWN_BLURS])
def test_two_values_or_drawn_degradations_are_no_sweep(tmp_path, written):
    assert find_sweeps(small_probe(tmp_path, written=written)) == []


def list_rows(steps: dict[str, str]) -> str:
    return "rows:\n" + "".join(f"  - {{name: '{name}', steps: [{step}]}}\n" for name, step in steps.items())


def test_an_untouched_row_beside_the_value_without_effect_does_not_hide_a_sweep(tmp_path):
    steps = {"untouched": "{quantize: {}}"} | {f"q{q}": f"{{jpeg: {{quality: {q}}}}}" for q in (100, 80, 50, 20)}
    (sweep,) = find_sweeps(small_probe(tmp_path, written=list_rows(steps)))
    assert sweep.values.tolist() == [100, 80, 50, 20]


def test_directions_of_any_turn_are_in_order(tmp_path):
    steps = {f"{t}": f"{{motion: {{length: 9, theta: {t}*pi/180}}}}" for t in (-60, -30, 0, 30)}
    (sweep,) = find_sweeps(small_probe(tmp_path, written=list_rows(steps)))
    assert sweep.values.tolist() == [0, 30, 120, 150]


def test_orders_are_those_of_scipy():
    distance, progress = np.random.default_rng(0).random((20, 6)).round(1), np.array([1, 2, 2, 3, 5, 8])
    expected = [spearmanr(line, progress).statistic for line in distance]
    np.testing.assert_allclose(_correlate(distance, progress), expected)
    assert _correlate(np.ones((2, 6)), progress).tolist() == [0, 0]
    assert _correlate(distance, np.ones(6)).tolist() == [0] * 20


def test_the_unit_of_distances_is_of_patches_of_all_images(monkeypatch):
    monkeypatch.setattr("analysis.measures.sweeps.MAX_CONTENTS", 20)
    contents, values = 60, 4
    image = np.arange(contents).repeat(values) // (20 * values)  # the first 20 contents are of one image
    generator = np.random.default_rng(0)
    embedding = np.eye(8)[image] + 0.01 * generator.normal(size=(contents * values, 8))
    rows = np.arange(contents * values).reshape(contents, values)
    sweep = Sweep("width", "sigma", "px", np.arange(4.0), np.arange(4), rows)
    curve = measure_sweep(embedding, sweep, image, repeats=0, seed=0)
    assert curve.median[-1] < 0.1  # where two images are 1 apart


def test_the_rows_of_a_path_are_one_patch_under_the_values():
    space = load_probe_space("sweep")
    probe = build_probe_set(space, small_store(4), patch=16, size=4 * len(space.row_names), seed=0)
    for sweep in find_sweeps(probe):
        assert (probe.content[sweep.rows] == probe.content[sweep.rows[:, :1]]).all()
        assert (probe.label[sweep.rows] == sweep.labels).all()


def measured(reads: float, knows: float):
    """The noise of an embedding whose first angle is its level and whose second one is the image."""
    space = load_probe_space("sweep")
    probe = build_probe_set(space, small_store(4), patch=16, size=8 * len(space.row_names), seed=0)
    (sweep,) = [sweep for sweep in find_sweeps(probe) if sweep.name == "noise level"]
    image = probe.image.numpy()
    level = probe.degradation.parameters[:, 0, 0].numpy() * (probe.label >= 0)
    angles = np.stack((reads * level, knows * image), 1)
    embedding = np.concatenate((np.cos(angles), np.sin(angles)), 1)
    return measure_sweep(embedding, sweep, image, repeats=50, seed=0)


def test_distances_are_in_units_of_those_of_two_images():
    reads, leaks = measured(10, 0.1), measured(1, 0.5)
    assert reads.median[0] == leaks.median[0] == 0
    assert (np.diff(reads.median) > 0).all()
    assert reads.median[-1] > 1 > leaks.median[-1]
    assert reads.rank_correlation == pytest.approx(1)
    assert reads.interval == pytest.approx((1, 1))
    assert (reads.low <= reads.median).all()
    assert (reads.median <= reads.high).all()


def test_an_embedding_that_does_not_move_has_no_order():
    still = measured(0, 0.1)
    assert still.median.tolist() == [0] * 8
    assert still.rank_correlation == 0
    assert measured(0, 0).high.max() == 0  # collapsed: no distance to divide by
