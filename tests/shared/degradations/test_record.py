"""Records of degradations: saved, indexed, concatenated, compared and described."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.degradations import Degradation, degrade, load_space
from shared.degradations.operations import CODES
from tests.shared.degradations.example_spaces import draw, make_full_space, make_space


def are_identical(a: Degradation, b: Degradation) -> bool:
    """Whether two records are equal, including the noise seeds."""
    return (
        torch.equal(a.operation, b.operation)
        and torch.equal(a.parameters, b.parameters)
        and torch.equal(a.seed, b.seed)
        and (a.scale, a.kernel_size) == (b.scale, b.kernel_size)
    )


def write_record(path: Path, operation: list[list[int]], names: list[str]) -> None:
    rows, steps = np.shape(operation)
    np.savez(
        path,
        operation=np.array(operation),
        parameters=np.zeros((rows, steps, 4), np.float32),
        seed=np.arange(rows),
        scale=1,
        kernel_size=21,
        names=json.dumps(names),
    )


def test_save_and_load_give_the_same_record_and_the_same_pixels(tmp_path):
    degradation = draw(make_full_space(), 10)
    degradation.save(tmp_path / "drawn.npz")
    loaded = Degradation.load(tmp_path / "drawn.npz")
    assert are_identical(loaded, degradation)
    images = torch.rand(10, 1, 3, 24, 24)
    assert torch.equal(degrade(images, loaded), degrade(images, degradation))


def test_operations_are_stored_by_name(tmp_path):
    """A file is read that was written when the operations had another order."""
    path = tmp_path / "old.npz"
    write_record(path, [[2, 0], [1, 0]], ["quantize", "none", "gaussian"])
    loaded = Degradation.load(path)
    assert [[name for name, _ in row] for row in loaded.rows()] == [["gaussian", "quantize"], ["quantize"]]


def test_an_unknown_operation_in_a_file_is_named(tmp_path):
    path = tmp_path / "newer.npz"
    write_record(path, [[0]], ["swirl"])
    with pytest.raises(ValueError, match=r"newer\.npz contains operations that this version does not have: swirl"):
        Degradation.load(path)


def test_indexing_selects_rows():
    degradation = draw(make_full_space(), 10)
    for rows in (slice(2, 5), torch.tensor([7, 0, 7]), [3, 1]):
        part = degradation[rows]
        assert torch.equal(part.operation, degradation.operation[rows])
        assert torch.equal(part.parameters, degradation.parameters[rows])
        assert torch.equal(part.seed, degradation.seed[rows])
    assert len(degradation[slice(2, 5)]) == 3


def test_concatenate_pads_short_sequences_and_changes_no_pixel():
    short, long = draw(load_space("blur"), 3), draw(load_space("blur_noise"), 4, seed=1)
    both = Degradation.concatenate([short, long])
    assert len(both) == 7
    assert both.rows() == short.rows() + long.rows()
    assert torch.equal(both.seed, torch.cat((short.seed, long.seed)))
    images = torch.rand(7, 2, 3, 24, 24)
    separately = torch.cat((degrade(images[:3], short), degrade(images[3:], long)))
    assert torch.equal(degrade(images, both), separately)


def test_concatenate_refuses_different_scales_and_kernel_sizes():
    with pytest.raises(ValueError, match="different scale"):
        Degradation.concatenate([draw(load_space("dasr_iso"), 1), draw(load_space("dasr_iso_x2"), 1)])
    small = load_space("blur")
    small.kernel_size = 13
    with pytest.raises(ValueError, match="kernel size"):
        Degradation.concatenate([draw(load_space("blur"), 1), draw(small, 1)])


def test_repeat_keeps_the_seed_and_with_seed_changes_only_the_seed():
    degradation = draw(load_space("blur_noise"), 3)
    repeated = degradation.repeat(2)
    assert are_identical(repeated, degradation[[0, 0, 1, 1, 2, 2]])
    reseeded = degradation.with_seed(torch.arange(3))
    assert torch.equal(reseeded.seed, torch.arange(3))
    assert torch.equal(reseeded.equals(degradation), torch.eye(3, dtype=torch.bool))
    images = torch.rand(3, 1, 3, 16, 16)
    assert not torch.equal(degrade(images, reseeded), degrade(images, degradation))


def test_equals_compares_everything_but_the_noise_field():
    degradation = draw(load_space("blur_noise"), 6)
    assert torch.equal(degradation.equals(degradation), torch.eye(6, dtype=torch.bool))
    table = degradation[[0, 1, 0]].equals(degradation[[0, 2]])
    assert table.tolist() == [[True, False], [False, False], [True, False]]
    other_value = Degradation(degradation.operation, degradation.parameters.clone(), degradation.seed, 1, 21)
    other_value.parameters[:, 1, 0] += 1e-4
    assert not other_value.equals(degradation).any()
    order = Degradation(degradation.operation.flip(1), degradation.parameters.flip(1), degradation.seed, 1, 21)
    assert not order.equals(degradation).any()
    other_size = Degradation(degradation.operation, degradation.parameters, degradation.seed, 1, 13)
    assert not other_size.equals(degradation).any()


def test_equals_ignores_padding():
    """A row with `none` before or after its operations is the same degradation."""
    short = draw(make_space({"gaussian": {"sigma": 1.5}}), 2)
    long = draw(make_space({"gaussian": {"sigma": 1.5}}, {"jpeg": {"quality": 50}}), 1)
    together = Degradation.concatenate([short, long])
    expected = torch.tensor([[True, True, False]] * 2)
    assert torch.equal(short.equals(together), expected)
    assert torch.equal(together.equals(short), expected.T)
    later = make_space({"jpeg": {"quality": 50}, "probability": 0.0}, {"gaussian": {"sigma": 1.5}})
    assert draw(later, 1).equals(together)[0].tolist() == [True, True, False]


def test_rows_give_names_and_parameters():
    space = make_space(
        {"gaussian": {"sigma": 2, "sigma_y": 1, "theta": "pi/2"}},
        {"sinc": {"cutoff": 2}, "probability": 0.0},
        {"poisson": {"peak": 64}},
        {"quantize": {}},
    )
    degradation = draw(space, 2)
    expected = [
        ("gaussian", {"sigma": 2.0, "sigma_y": 1.0, "theta": pytest.approx(np.pi / 2)}),
        ("poisson", {"peak": 64.0}),
        ("quantize", {}),
    ]
    assert degradation.rows() == [expected, expected]


def test_rows_are_described_in_words():
    steps = [
        {"gaussian": {"sigma": 2.1, "sigma_y": 1, "theta": "pi/6"}},
        {"bicubic": {"relative_size": "1/4"}},
        {"gaussian_noise": {"noise_sigma": "7/255"}},
        {"jpeg": {"quality": 80}},
        {"quantize": {}},
    ]
    assert draw(make_space(*steps, scale=4), 1).describe() == [
        "gaussian sigma 2.10 sigma_y 1.00 theta 30 degrees, bicubic relative_size x0.25, "
        "gaussian_noise noise_sigma 7.0/255, jpeg quality 80.00, quantize"
    ]
    assert draw(make_space({"gaussian": {"sigma": 2.1, "theta": 1}}), 1).describe() == ["gaussian sigma 2.10"]
    nothing = Degradation(
        torch.full((1, 2), CODES["none"]), torch.zeros(1, 2, 4), torch.zeros(1, dtype=torch.int64), 1, 21
    )
    assert nothing.describe() == ["none"]
    assert all(draw(make_full_space(), 50).describe())


def test_the_record_is_frozen():
    with pytest.raises(AttributeError):
        draw(load_space("blur"), 1).scale = 2
