import json

import numpy as np
import pytest
import torch

from shared.degradations import Degradation, degrade, load_space
from shared.degradations.operations import CODES
from tests.shared.degradations.written_spaces import draw, every_operation, space_of


def same(a: Degradation, b: Degradation) -> bool:
    """Everything equal, noise seeds included."""
    return (
        torch.equal(a.operation, b.operation) and torch.equal(a.parameters, b.parameters)
        and torch.equal(a.seed, b.seed) and (a.scale, a.kernel_size) == (b.scale, b.kernel_size)
    )  # fmt: skip


def test_save_and_load_give_the_same_record_and_the_same_pixels(tmp_path):
    degradation = draw(every_operation(), 10)
    degradation.save(tmp_path / "drawn.npz")
    loaded = Degradation.load(tmp_path / "drawn.npz")
    assert same(loaded, degradation)
    images = torch.rand(10, 1, 3, 24, 24)
    assert torch.equal(degrade(images, loaded), degrade(images, degradation))


def test_operations_are_stored_by_name(tmp_path):
    """A file written when the operations stood in another order."""
    path = tmp_path / "old.npz"
    names = ["quantize", "none", "gaussian"]
    np.savez(
        path, operation=np.array([[2, 0], [1, 0]]), parameters=np.zeros((2, 2, 4), np.float32), seed=np.arange(2),
        scale=1, kernel_size=21, names=json.dumps(names),
    )  # fmt: skip
    loaded = Degradation.load(path)
    assert [[name for name, _ in row] for row in loaded.rows()] == [["gaussian", "quantize"], ["quantize"]]


def test_an_unknown_operation_in_a_file_is_named(tmp_path):
    path = tmp_path / "newer.npz"
    np.savez(
        path, operation=np.array([[0]]), parameters=np.zeros((1, 1, 4), np.float32), seed=np.arange(1),
        scale=1, kernel_size=21, names=json.dumps(["swirl"]),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"newer\.npz has operations this version does not know: swirl"):
        Degradation.load(path)


def test_indexing_takes_rows():
    degradation = draw(every_operation(), 10)
    for rows in (slice(2, 5), torch.tensor([7, 0, 7]), [3, 1]):
        part = degradation[rows]
        assert torch.equal(part.operation, degradation.operation[rows])
        assert torch.equal(part.parameters, degradation.parameters[rows])
        assert torch.equal(part.seed, degradation.seed[rows])
    assert len(degradation[slice(2, 5)]) == 3


def test_concatenate_fills_short_sequences_and_changes_no_pixel():
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


def test_repeat_keeps_the_seed_and_with_seed_changes_it_alone():
    degradation = draw(load_space("blur_noise"), 3)
    repeated = degradation.repeat(2)
    assert same(repeated, degradation[[0, 0, 1, 1, 2, 2]])
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
    other_value = Degradation(
        degradation.operation, degradation.parameters.clone(), degradation.seed, 1, 21
    )  # fmt: skip
    other_value.parameters[:, 1, 0] += 1e-4
    assert not other_value.equals(degradation).any()
    order = Degradation(degradation.operation.flip(1), degradation.parameters.flip(1), degradation.seed, 1, 21)
    assert not order.equals(degradation).any()
    assert (
        not Degradation(degradation.operation, degradation.parameters, degradation.seed, 1, 13)
        .equals(degradation)
        .any()
    )


def test_equals_does_not_count_what_only_fills_up():
    """A row is the same degradation whether `none` stands after it, before it, or nowhere."""
    short = draw(space_of({"gaussian": {"sigma": 1.5}}), 2)
    long = draw(space_of({"gaussian": {"sigma": 1.5}}, {"jpeg": {"quality": 50}}), 1)
    together = Degradation.concatenate([short, long])
    expected = torch.tensor([[True, True, False]] * 2)
    assert torch.equal(short.equals(together), expected)
    assert torch.equal(together.equals(short), expected.T)
    later = space_of({"jpeg": {"quality": 50}, "probability": 0.0}, {"gaussian": {"sigma": 1.5}})
    assert draw(later, 1).equals(together)[0].tolist() == [True, True, False]


def test_rows_are_the_table():
    degradation = draw(
        space_of(
            {"gaussian": {"sigma": 2, "sigma_y": 1, "theta": "pi/2"}}, {"sinc": {"cutoff": 2}, "probability": 0.0},
            {"poisson": {"peak": 64}}, {"quantize": {}},
        ), 2,
    )  # fmt: skip
    expected = [
        ("gaussian", {"sigma": 2.0, "sigma_y": 1.0, "theta": pytest.approx(np.pi / 2)}),
        ("poisson", {"peak": 64.0}),
        ("quantize", {}),
    ]
    assert degradation.rows() == [expected, expected]


def test_words():
    steps = [
        {"gaussian": {"sigma": 2.1, "sigma_y": 1, "theta": "pi/6"}}, {"bicubic": {"relative_size": "1/4"}},
        {"gaussian_noise": {"noise_sigma": "7/255"}}, {"jpeg": {"quality": 80}}, {"quantize": {}},
    ]  # fmt: skip
    assert draw(space_of(*steps, scale=4), 1).words() == [
        "gaussian sigma 2.10 sigma_y 1.00 theta 30 degrees, bicubic relative_size x0.25, "
        "gaussian_noise noise_sigma 7.0/255, jpeg quality 80.00, quantize"
    ]
    assert draw(space_of({"gaussian": {"sigma": 2.1, "theta": 1}}), 1).words() == ["gaussian sigma 2.10"]
    nothing = Degradation(
        torch.full((1, 2), CODES["none"]), torch.zeros(1, 2, 4), torch.zeros(1, dtype=torch.int64), 1, 21
    )
    assert nothing.words() == ["none"]
    assert all(draw(every_operation(), 50).words())


def test_the_record_is_frozen():
    with pytest.raises(AttributeError):
        draw(load_space("blur"), 1).scale = 2
