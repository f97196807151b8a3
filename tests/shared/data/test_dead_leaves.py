"""Dead leaves: their statistics are those of natural images."""

import itertools

import numpy as np
import pytest

from shared.data.dead_leaves import draw_dead_leaves


def spectral_slope(image: np.ndarray) -> float:
    """Slope of log power over log frequency, averaged over directions."""
    gray = image.astype(float).mean(axis=2)
    window = np.hanning(gray.shape[0])[:, None] * np.hanning(gray.shape[1])
    power = np.abs(np.fft.fft2((gray - gray.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(gray.shape[0])[:, None], np.fft.fftfreq(gray.shape[1]))
    edges = np.geomspace(4 / min(gray.shape), 0.4, 16)
    rings = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(edges)]
    means = [(np.log(frequency[ring].mean()), np.log(power[ring].mean())) for ring in rings]
    return float(np.polyfit(*zip(*means, strict=True), deg=1)[0])


def test_same_seed_same_image_and_other_seed_another():
    first = draw_dead_leaves(3, 96, 128)
    assert first.shape == (96, 128, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw_dead_leaves(3, 96, 128))
    assert np.abs(first.astype(int) - draw_dead_leaves(4, 96, 128)).mean() > 20


def test_spectrum_falls_as_in_natural_images():
    slopes = [spectral_slope(draw_dead_leaves(seed)) for seed in range(4)]
    assert min(slopes) > -3
    assert max(slopes) < -1.5
    assert -2.7 < np.mean(slopes) < -1.8
    white = np.random.default_rng(0).integers(0, 256, (320, 320, 3))
    assert abs(spectral_slope(white)) < 0.3  # the measure itself is right


def test_images_are_colourful_sharp_and_use_the_range():
    for seed in range(4):
        image = draw_dead_leaves(seed, 256, 256).astype(float)
        assert 50 < image.mean() < 205
        assert image.mean(axis=2).std() > 25
        assert image.std(axis=2).mean() > 10  # colour
        steps = np.abs(np.diff(image.mean(axis=2), axis=1))
        assert (steps > 50).mean() > 0.005  # edges of one pixel
        assert np.median(steps) < 12  # and calm between them
        assert ((image == 0) | (image == 255)).mean() < 0.1  # little is clipped


def test_edges_are_anti_aliased():
    """A pixel on an edge lies between its neighbours far more often than a hard mask would allow."""
    gray = draw_dead_leaves(1, 256, 256).astype(float).mean(axis=2)
    left, middle, right = gray[:, :-2], gray[:, 1:-1], gray[:, 2:]
    edge = np.abs(right - left) > 60
    share = (middle - left) / np.where(edge, right - left, 1)
    between = (share > 0.2) & (share < 0.8)
    assert between[edge].mean() > 0.3


@pytest.mark.parametrize("arguments", [(-1,), (0, 8, 64), (0, 64, 8)])
def test_impossible_arguments(arguments):
    with pytest.raises(ValueError, match="16 or more"):
        draw_dead_leaves(*arguments)
