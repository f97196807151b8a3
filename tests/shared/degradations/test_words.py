"""Readings in words."""

import pytest

from shared.degradations.words import reading_in_words


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ({}, ""),
        ({"blur_width": 1.84, "noise": 4.2}, "blur 1.8 px, noise 4"),
        ({"blur_width": 2, "anisotropy": 0.9, "angle": 30.4}, "blur 2.0 px, longer at 30 degrees"),
        ({"blur_width": 2, "anisotropy": 0.1, "angle": 30}, "blur 2.0 px"),
        ({"noise": -3, "jpeg_quality": 41.2}, "noise 0, JPEG quality 41"),
        ({"jpeg_quality": 96}, ""),
    ],
)  # fmt: skip
def test_what_is_read_is_told(read, words):
    assert reading_in_words(**read) == words
