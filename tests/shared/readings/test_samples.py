from collections.abc import Iterator

import numpy as np
import pytest
import torch

from shared.data.store import ImageStore
from shared.degradations import load_space
from shared.readings.quantities import KINDS
from shared.readings.samples import BATCH, COUNTS, MIN_SIDE, PATCH, QUANTITY_NAMES, Samples, count_batches, draw_samples


def store_of(value: int, side: int = MIN_SIDE, images: int = 3) -> ImageStore:
    """Images of noise around one brightness."""
    generator = torch.Generator().manual_seed(value)
    pixels = torch.randint(value - 20, value + 20, (images * side * side, 3), generator=generator).to(torch.uint8)
    sides = torch.full((images,), side)
    return ImageStore(pixels, torch.arange(images) * side * side, sides, sides, [f"{value} {i}" for i in range(images)])


def mean_colours(batches: Iterator[torch.Tensor]) -> Iterator[np.ndarray]:
    for batch in batches:
        assert batch.dtype == torch.uint8
        assert batch.shape[1:] == (3, PATCH, PATCH)
        yield batch.float().mean((2, 3)).numpy()


@pytest.fixture(scope="module")
def samples() -> Samples:
    space = load_space("photo")
    assert 2 * PATCH + 2 * space.margin() == MIN_SIDE
    return draw_samples(mean_colours, space, store_of(60), store_of(180), count=8 * BATCH)


def test_a_third_is_of_photographs_left_out(samples):
    assert samples.is_left_out.sum() == round(8 * BATCH / 3)
    brightness = samples.features[:, :3].mean(1)
    np.testing.assert_allclose(brightness[samples.is_left_out], 180, atol=25)
    np.testing.assert_allclose(brightness[~samples.is_left_out], 60, atol=25)


def test_samples_differ_in_kind_and_number_of_windows(samples):
    assert set(samples.kind.tolist()) == set(range(len(KINDS)))
    assert samples.quantities.keys() == set(QUANTITY_NAMES)
    windows = np.exp(samples.features[:, -2]).round().astype(int)
    assert len(set(windows.tolist())) >= 4
    assert (windows == max(COUNTS)).mean() > 0.4


def test_the_same_seed_draws_the_same(samples):
    again = draw_samples(mean_colours, load_space("photo"), store_of(60), store_of(180), count=8 * BATCH)
    np.testing.assert_array_equal(again.features, samples.features)
    other = draw_samples(mean_colours, load_space("photo"), store_of(60), store_of(180), count=8 * BATCH, seed=1)
    assert (other.features != samples.features).any()


@pytest.mark.parametrize("count", [20, 100, 2400])
def test_batches_are_counted(count):
    drawn: list[int] = []

    def embed(batches: Iterator[torch.Tensor]) -> Iterator[np.ndarray]:
        for batch in batches:
            drawn.append(len(batch))
            yield np.zeros((len(batch), 1), np.float32)

    if count <= 100:
        draw_samples(embed, load_space("blur"), store_of(60), store_of(180), count=count)
        assert len(drawn) == count_batches(count)
    else:
        assert count_batches(count) == 150


def test_small_photographs_are_refused():
    with pytest.raises(ValueError, match=f"at least {MIN_SIDE} pixels per side, not {MIN_SIDE - 1}"):
        draw_samples(mean_colours, load_space("photo"), store_of(60, MIN_SIDE - 1), store_of(180), count=20)


def test_a_file_holds_them_in_half_precision(samples, tmp_path):
    samples.save(tmp_path / "readings.npz", "abc")
    loaded = Samples.load(tmp_path / "readings.npz", "abc")
    np.testing.assert_allclose(loaded.features, samples.features, rtol=1e-3)
    np.testing.assert_array_equal(loaded.kind, samples.kind)
    np.testing.assert_array_equal(loaded.is_left_out, samples.is_left_out)
    for name, values in samples.quantities.items():
        np.testing.assert_allclose(loaded.quantities[name], values, rtol=1e-5)
    assert loaded.features.dtype == samples.features.dtype


def test_another_encoder_and_damage_are_refused(samples, tmp_path):
    file = tmp_path / "readings.npz"
    samples.save(file, "abc")
    with pytest.raises(ValueError, match=r"readings\.npz cannot be used: it belongs to another encoder"):
        Samples.load(file, "abd")
    whole = file.read_bytes()
    for damaged in (b"", whole[:500], b"text", whole[: len(whole) // 2] + bytes(100) + whole[len(whole) // 2 + 100 :]):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"readings\.npz cannot be used"):
            Samples.load(file, "abc")
    with pytest.raises(FileNotFoundError):
        Samples.load(tmp_path / "none.npz", "abc")


def write_changed(file, **changes) -> None:
    with np.load(file) as stored:
        np.savez_compressed(file, **{**{name: stored[name] for name in stored}, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"features": np.zeros(5)},
        {"kind": np.full(128, 99)},
        {"kind": np.zeros(3)},
        {"quantities": np.zeros((4, 128))},
        {"quantities": np.zeros((5, 7))},
        {"features": np.full((128, 5), np.nan)},
        {"features": np.array(["a"])},
        {"version": np.zeros(3)},
        {"is_left_out": np.array([{}], object)},
    ],
    ids=str,
)
def test_tampered_arrays_are_refused(samples, tmp_path, change):
    file = tmp_path / "readings.npz"
    samples.save(file, "abc")
    write_changed(file, **change)
    with pytest.raises(ValueError, match=r"readings\.npz cannot be used: "):
        Samples.load(file, "abc")


def test_a_file_that_unpacks_to_gigabytes_is_refused_before(samples, tmp_path, monkeypatch):
    file = tmp_path / "readings.npz"
    samples.save(file, "abc")
    monkeypatch.setattr("shared.readings.samples.MAX_BYTES", 1000)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(ValueError, match="it unpacks to more than"):
        Samples.load(file, "abc")
