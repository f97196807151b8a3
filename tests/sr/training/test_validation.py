"""Held-out images under listed degradations: made by the published border rules, scored pairwise."""

import numpy as np
import pytest
import torch

from shared.data.sources import DataConfig, open_images
from shared.degradations import load_space
from sr.model import build_model
from sr.training.validation import Restored, build_validation, restored_table, score_bicubic, score_model
from tests.sr.small_models import small_config


@pytest.fixture(scope="module")
def images():
    _, held_out = open_images(DataConfig(dead_leaves=1), 64)
    return build_validation(load_space("dasr_iso_x2"), held_out, 65)


def test_hr_images_are_centres_and_multiples_of_the_scale(images):
    assert {tuple(hr.shape) for hr in images.hr_images} == {(1, 3, 64, 64)}
    assert len(images.names) == 4
    for of_degradation in images.lr_images:
        for lr in of_degradation:
            assert lr.shape == (1, 3, 32, 32)
            assert torch.equal(lr, (lr * 255).round() / 255)


def test_a_model_that_starts_as_bicubic_scores_as_bicubic(images):
    model = build_model(small_config(conditioning="oracle", bicubic_skip=True))
    found = score_model(model, images, bf16=False, device=torch.device("cpu"))
    bicubic = score_bicubic(images, 2)
    np.testing.assert_allclose(found.psnr, bicubic.psnr, atol=0.02)
    difference, (low, high) = found.ahead_of(bicubic)
    assert low <= difference <= high
    assert model.training


def test_wider_blurs_are_harder(images):
    means = score_bicubic(images, 2).psnr.mean(1)
    assert bool((np.diff(means) < 0).all())


def test_table_names_what_it_compares():
    better, worse = Restored(np.full((2, 3), 30.0), np.ones((2, 3))), Restored(np.full((2, 3), 28.5), np.ones((2, 3)))
    text = restored_table({"ours": better, "bicubic": worse}, ["sharp", "blurred"])
    assert "ours ahead of bicubic, paired: +1.50 [+1.50, +1.50] dB" in text
    assert "30.00" in text
    assert better.to_dict()["psnr_y"]["per_degradation"] == [30.0, 30.0]
