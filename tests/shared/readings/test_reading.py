import pytest

from shared.readings.quantities import DEFOCUS, MOTION, OBLONG, RESCALED, ROUND, SHARP
from shared.readings.reading import Interval, Reading

READ = {
    "blur_px": Interval(1.54, 1.1, 2.06),
    "motion_px": Interval(15.2, 11, 21.4),
    "noise": Interval(0.1, 0, 0.6),
    "jpeg_quality": Interval(99.5, 97, 100),
}
ANGLE = Interval(30.0, 21.0, 39.0)
NOISY = {"noise": Interval(10.4, 8, 13)}
BLOCKY = {"jpeg_quality": Interval(21, 15, 29.6)}
WIDE = {"blur_px": Interval(0.6, 0.2, 2.9)}


@pytest.mark.parametrize(
    ("kind", "change", "verdict"),
    [
        (SHARP, {}, "cannot tell: blur 0.0 to 2.1 px"),
        (SHARP, {"blur_px": Interval(0, 0, 0.4)}, "sharp: no blur, noise or JPEG that this encoder could see"),
        (SHARP, {"blur_px": Interval(0, 0, 0.4)} | NOISY, "sharp; noise, about 10 levels (8 to 13)"),
        (ROUND, {}, "round blur, about 1.5 px (1.1 to 2.1)"),
        (None, {}, "blur, about 1.5 px (1.1 to 2.1)"),
        (DEFOCUS, BLOCKY, "defocus, about 1.5 px (1.1 to 2.1); JPEG, quality about 21 (15 to 30)"),
        (OBLONG, {}, "oblong blur, about 1.5 px (1.1 to 2.1) at about 30 degrees"),
        (ROUND, WIDE | NOISY, "cannot tell: blur 0.2 to 2.9 px; noise, about 10 levels (8 to 13)"),
        (MOTION, {}, "motion blur, about 15 px (11 to 21) at about 30 degrees"),
        (RESCALED, NOISY, "enlarged from a smaller image; noise, about 10 levels (8 to 13)"),
    ],
)
def test_the_verdict_follows_from_the_kind_and_the_intervals(kind, change, verdict):
    assert Reading.of(kind, READ | change, ANGLE).verdict == verdict


@pytest.mark.parametrize(
    ("kind", "applying"),
    [
        (SHARP, ["blur_px"]),
        (None, ["blur_px"]),
        (OBLONG, ["blur_px", "angle_degrees"]),
        (MOTION, ["motion_px", "angle_degrees"]),
        (RESCALED, []),
    ],
)
def test_an_entry_has_what_applies_to_the_kind_and_null_elsewhere(kind, applying):
    entry = Reading.of(kind, READ, ANGLE).to_json("a.png")
    assert list(entry) == ["image", "verdict", "blur_px", "noise", "jpeg_quality", "motion_px", "angle_degrees"]
    assert [name for name in ("blur_px", "motion_px", "angle_degrees") if entry[name]] == applying
    assert entry["noise"] == {"value": 0.1, "low": 0, "high": 0.6}


@pytest.mark.parametrize("kind", [None, ROUND, OBLONG, DEFOCUS])
def test_a_blur_of_next_to_nothing_is_sharp(kind):
    reading = Reading.of(kind, READ | {"blur_px": Interval(0.1, 0.05, 0.6)}, ANGLE)
    assert reading.verdict.startswith("sharp")
    assert reading.quantities["blur_px"] == Interval(0, 0, 0.6)
    assert "angle_degrees" not in reading.quantities


def test_a_sharp_photograph_has_no_blur_whatever_was_read():
    assert Reading.of(SHARP, READ, ANGLE).quantities["blur_px"] == Interval(0, 0, 2.06)


def test_doubt_leaves_nothing():
    entry = Reading.without("too small").to_json("a.png")
    assert entry["verdict"] == "cannot tell: too small"
    assert {value for name, value in entry.items() if name not in ("image", "verdict")} == {None}


def test_what_an_encoder_cannot_read_is_left_out():
    assert Reading.of(MOTION, {}, None).verdict == "motion blur"
    assert Reading.of(SHARP, {}, None).verdict.startswith("sharp")
