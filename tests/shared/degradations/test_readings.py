"""Estimated degradations in words."""

import pytest

from shared.degradations.readings import format_reading


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
def test_a_reading_is_described_by_its_visible_parts(reading, expected):
    assert format_reading(**reading) == expected
