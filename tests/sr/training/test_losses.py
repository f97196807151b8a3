"""Losses against formulas in numpy, on the scale 0..255."""

import numpy as np
import pytest
import torch

from sr.training.losses import LossConfig, image_loss


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 8, 6, generator=generator), torch.rand(2, 3, 8, 6, generator=generator)


def test_l1_is_on_levels(images):
    sr_image, hr_image = images
    assert float(image_loss(sr_image, hr_image, LossConfig())) == pytest.approx(
        255 * np.abs(sr_image.numpy() - hr_image.numpy()).mean(), rel=1e-5
    )


def test_charbonnier(images):
    sr_image, hr_image = images
    expected = 255 * np.sqrt((sr_image.numpy() - hr_image.numpy()) ** 2 + 1e-6).mean()
    assert float(image_loss(sr_image, hr_image, LossConfig(name="charbonnier"))) == pytest.approx(expected, rel=1e-5)


def test_frequency_adds_the_distance_of_the_spectra(images):
    sr_image, hr_image = images
    spectrum = np.fft.rfft2((sr_image - hr_image).double().numpy(), norm="ortho")
    distance = (np.abs(spectrum.real).mean() + np.abs(spectrum.imag).mean()) / 2
    both = float(image_loss(sr_image, hr_image, LossConfig(frequency=0.5)))
    assert both - float(image_loss(sr_image, hr_image, LossConfig())) == pytest.approx(127.5 * distance, rel=1e-4)


def test_equal_images_have_no_l1_loss(images):
    assert float(image_loss(images[0], images[0], LossConfig(frequency=1.0))) == 0


@pytest.mark.parametrize(
    ("config", "match"),
    [
        (LossConfig(name="l2"), "loss='l2' must be one of"),
    ],
)
def test_wrong_options(config, match):
    with pytest.raises(ValueError, match=match):
        config.check()
