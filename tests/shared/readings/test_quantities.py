import math

import numpy as np
import pytest
import torch

from shared.degradations import load_space
from shared.readings.quantities import (
    BLUR,
    DEFOCUS,
    JPEG,
    MOTION,
    MOTION_LENGTH,
    NOISE,
    OBLONG,
    QUANTITIES,
    RESCALED,
    ROUND,
    SHARP,
    find_kinds,
    measure,
)

CASES = [
    # steps, kind, blur, motion, noise, quality, angle
    ("quantize: {}", SHARP, 0, None, 0, 100, None),
    ("gaussian: {sigma: 2}", ROUND, 2, None, 0, 100, None),
    ("gaussian: {sigma: 3, sigma_y: 1, theta: 0}", OBLONG, math.sqrt(3), None, 0, 100, 0),
    ("gaussian: {sigma: 1, sigma_y: 3, theta: 0}", OBLONG, math.sqrt(3), None, 0, 100, 90),
    ("motion: {length: 15, theta: pi/6, curvature: 0}", MOTION, None, 15, 0, 100, 30),
    ("disk: {radius: 4}", DEFOCUS, 2, None, 0, 100, None),
    ("rescale: {factor: 1/2}", RESCALED, None, None, 0, 100, None),
    ("gray_noise: {noise_sigma: 10/255}", SHARP, 0, None, 10, 100, None),
    ("cropped_jpeg: {quality: 40, offset_x: 3, offset_y: 5}", SHARP, 0, None, 0, 40, None),
]


def draw(tmp_path, steps: str):
    path = tmp_path / "one.yaml"
    path.write_text(f"kernel_size: 31\nsteps: [{{{steps}}}]")
    return load_space(str(path)).draw(2, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("steps", "kind", "blur", "motion", "noise", "quality", "angle"), CASES)
def test_kind_and_quantities_of_single_steps(tmp_path, steps, kind, blur, motion, noise, quality, angle):
    degradation = draw(tmp_path, steps)
    assert find_kinds(degradation).tolist() == [kind, kind]
    found = {name: values[0] for name, values in measure(degradation).items()}
    expected = {BLUR: blur, MOTION_LENGTH: motion, NOISE: noise, JPEG: quality}
    for quantity, value in expected.items():
        assert found[quantity.name] == pytest.approx(math.nan if value is None else value, rel=0.05, nan_ok=True)
    if angle is None:
        assert math.isnan(found["angle_degrees"])
    else:
        assert abs((found["angle_degrees"] - angle + 90) % 180 - 90) < 2


def test_the_last_blur_counts_and_a_blur_hides_rescaling(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text("steps: [{disk: {radius: 2}}, {rescale: {factor: 1/2}}, {gaussian: {sigma: 1.5}}]")
    assert find_kinds(load_space(str(path)).draw(1, torch.Generator())).tolist() == [ROUND]


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.name)
def test_decoding_inverts_encoding_and_cuts_to_what_is_possible(quantity):
    values = np.linspace(max(quantity.low, 0.01), quantity.high, 50)
    np.testing.assert_allclose(quantity.decode(quantity.encode(values)), values, rtol=1e-6)
    extreme = quantity.decode(np.array([-1e3, 1e3]))
    np.testing.assert_allclose(extreme, [quantity.low, quantity.high])
