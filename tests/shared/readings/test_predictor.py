from dataclasses import replace

import numpy as np
import pytest

from shared.readings.predictor import Predictor
from shared.readings.quantities import MOTION, OBLONG, RESCALED, SHARP
from tests.shared.readings.synthetic_samples import draw_synthetic


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(draw_synthetic(1200, 0))


@pytest.fixture(scope="module")
def read(predictor):
    """New samples, and what is read of them."""
    new = draw_synthetic(300, 1)
    return new, [predictor.read(features) for features in new.features]


def test_kinds_are_named(read):
    new, readings = read
    named = np.array([-1 if reading.kind is None else reading.kind for reading in readings])
    assert (named == new.kind).mean() > 0.9


@pytest.mark.parametrize("name", ["blur_px", "motion_px", "noise", "jpeg_quality", "angle_degrees"])
def test_intervals_hold_the_truth_as_often_as_they_say(read, name):
    new, readings = read
    truth, held, values = new.quantities[name], [], []
    for row, reading in enumerate(readings):
        interval = reading.quantities.get(name)
        if np.isfinite(truth[row]) and interval is not None and reading.kind == new.kind[row]:
            assert interval.low <= interval.value <= interval.high
            apart = truth[row] - interval.value
            apart = (apart + 90) % 180 - 90 if name == "angle_degrees" else apart
            held.append(interval.low <= interval.value + apart <= interval.high)
            values.append((truth[row], interval.value if name != "angle_degrees" else truth[row] - apart))
    assert len(held) > 30
    assert 0.68 <= np.mean(held) <= 1
    known, found = np.array(values).T
    assert np.corrcoef(known, found)[0, 1] > 0.9


def test_what_applies_follows_from_the_kind(read):
    for reading in read[1]:
        if reading.doubt:
            continue
        assert ("motion_px" in reading.quantities) == (reading.kind == MOTION)
        assert ("blur_px" in reading.quantities) == (reading.kind not in (MOTION, RESCALED))
        assert ("angle_degrees" in reading.quantities) == (reading.kind in (MOTION, OBLONG))
        if reading.kind == SHARP:
            assert reading.quantities["blur_px"].value == 0


def test_features_unlike_all_samples_are_not_read(predictor):
    new = draw_synthetic(40, 2)
    strange = np.random.default_rng(0).normal(size=new.features.shape[1]) * 5 * np.abs(new.features).max()
    assert predictor.read(strange.astype(np.float32)).doubt.startswith("unlike")
    assert sum(bool(predictor.read(features).doubt) for features in new.features) <= 4


def test_the_same_samples_give_the_same_readings(predictor):
    features = draw_synthetic(8, 3).features
    again = Predictor(draw_synthetic(1200, 0))
    assert [again.read(row) for row in features] == [predictor.read(row) for row in features]


def test_what_the_samples_do_not_vary_is_not_read():
    samples = draw_synthetic(300, 0)
    constant = replace(samples, quantities=samples.quantities | {"noise": np.zeros(300)})
    assert "noise" not in Predictor(constant).read(samples.features[0]).quantities


def test_unusable_samples_are_refused():
    samples = draw_synthetic(300, 0)
    with pytest.raises(ValueError, match="not finite"):
        Predictor(replace(samples, features=samples.features * np.nan))
    with pytest.raises(ValueError, match="at least 40 samples"):
        Predictor(draw_synthetic(60, 0))
