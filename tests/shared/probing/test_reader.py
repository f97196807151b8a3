"""Readings of degradations, in users' units and in words."""

import numpy as np
import pytest

from shared.probing import ProbeSet
from shared.probing.reader import (
    MIN_R2,
    PARAMETER_NAMES,
    DegradationReader,
    describe_readings,
    fit_reader,
    format_reading,
)
from shared.probing.ridge import fit_ridge, ridge_r2
from tests.shared.probing.small_probes import small_probe, small_run_probe


@pytest.fixture(scope="module")
def probe() -> ProbeSet:
    return small_run_probe(images=8)


def vectors_of(probe: ProbeSet, *, noise: float = 0.02) -> np.ndarray:
    """The known parameters mixed into 12 dimensions, with some noise."""
    known = probe.parameters()
    twice = np.radians(2 * np.nan_to_num(known["angle"]))
    round_ = np.isnan(known["angle"])
    columns = [np.log(known["blur_width"]), known["anisotropy"], known["noise"] / 25]
    columns += [np.where(round_, 0, np.sin(twice)), np.where(round_, 0, np.cos(twice))]
    generator = np.random.default_rng(0)
    mixed = np.stack(columns, 1) @ generator.normal(size=(5, 12))
    return (mixed + noise * generator.normal(size=mixed.shape)).astype(np.float32)


def test_what_is_read_is_in_the_units_of_the_parameters(probe):
    vectors = vectors_of(probe)
    reader = fit_reader(vectors, probe)
    assert reader.probes.keys() == reader.r2.keys() == {"log_sigma", "anisotropy", "angle", "noise_sigma"}
    assert min(reader.r2.values()) > 0.9
    assert not reader.unreliable
    readings, known = reader.read(vectors[probe.probed]), probe.parameters()
    assert readings.keys() == known.keys()
    for name, tolerance in (("blur_width", 0.4), ("anisotropy", 0.2), ("noise", 1.5)):
        assert np.abs(readings[name] - known[name][probe.probed]).mean() < tolerance
    directed = known["anisotropy"][probe.probed] > 0.5
    apart = (readings["angle"] - known["angle"][probe.probed])[directed]
    assert np.median(np.abs((apart + 90) % 180 - 90)) < 5
    assert readings["angle"].min() >= 0
    assert readings["angle"].max() < 180


def test_probes_and_their_r2_are_those_of_the_single_fits(probe):
    vectors, image, targets = vectors_of(probe, noise=1.0), probe.image.numpy(), probe.targets()
    reader = fit_reader(vectors, probe)
    for name in ("log_sigma", "noise_sigma"):
        target = targets[name][:, None]
        assert reader.r2[name] == pytest.approx(ridge_r2(vectors, target, image)[0], abs=1e-4)
        if name in reader.probes:
            np.testing.assert_allclose(reader.probes[name](vectors), fit_ridge(vectors, target, image)(vectors))


def test_what_left_out_images_do_not_confirm_is_unreliable(probe):
    vectors = vectors_of(probe)
    strange = np.random.default_rng(3).normal(size=vectors.shape).astype(np.float32)
    strange[:, 0] = probe.parameters()["noise"]
    reader = fit_reader(strange, probe)
    assert reader.probes.keys() == {"noise_sigma"}
    assert reader.unreliable.keys() == {"log_sigma", "anisotropy", "angle"}
    assert max(reader.unreliable.values()) < MIN_R2 <= reader.r2["noise_sigma"]
    assert reader.read(strange[:3]).keys() == {"noise"}
    assert reader.unreliable.keys() <= PARAMETER_NAMES.keys()
    assert DegradationReader({}, {"noise_sigma": float("nan")}).unreliable.keys() == {"noise_sigma"}


def test_listed_patches_are_read_where_none_is_drawn(tmp_path):
    listed = small_probe(tmp_path, size=96, images=8)
    reader = fit_reader(np.eye(3)[listed.label], listed)
    assert reader.probes.keys() == {"log_sigma", "noise_sigma"}
    assert reader.read(np.eye(3))["noise"] == pytest.approx([0, 0, 10], abs=0.1)


def test_vectors_that_are_not_finite_are_refused(probe):
    with pytest.raises(ValueError, match="a probe needs a finite embedding"):
        fit_reader(np.full((len(probe), 4), np.nan), probe)


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        ({"blur_width": np.array([1.6, 1.8, 9.0]), "noise": np.array([0, 4, 5])}, "blur 1.8 px, noise 4"),
        ({"noise": np.array([-20.0])}, "noise 0"),
        ({"jpeg_quality": np.array([40.0])}, "JPEG quality 40"),
        ({"jpeg_quality": np.array([95.0])}, ""),
        (
            {"blur_width": np.ones(2), "anisotropy": np.ones(2), "angle": np.array([87.0, 93.0])},
            "blur 1.0 px, longer at 90 degrees",
        ),
        (
            {"blur_width": np.ones(2), "anisotropy": np.ones(2), "angle": np.array([178.0, 6.0])},
            "blur 1.0 px, longer at 2 degrees",
        ),
        ({"blur_width": np.ones(2), "anisotropy": np.zeros(2), "angle": np.full(2, 22.5)}, "blur 1.0 px"),
        ({}, ""),
    ],
)
def test_the_medians_are_described(readings, words):
    assert describe_readings(readings) == words


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ({}, ""),
        ({"blur_width": 1.84, "noise": 4.2}, "blur 1.8 px, noise 4"),
        ({"blur_width": 2, "anisotropy": 0.9, "angle": 30.4}, "blur 2.0 px, longer at 30 degrees"),
        ({"blur_width": 2, "anisotropy": 0.1, "angle": 30}, "blur 2.0 px"),
        ({"noise": -3, "jpeg_quality": 41.2}, "noise 0, JPEG quality 41"),
        ({"jpeg_quality": 96}, ""),
    ],
)
def test_a_reading_is_formatted_by_its_visible_parts(reading, expected):
    assert format_reading(**reading) == expected
