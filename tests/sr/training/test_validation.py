"""Held-out images under listed degradations, with the published padding, and paired scores."""

import numpy as np
import pytest
import torch

from shared.data import DataConfig, open_images
from shared.degradations import load_space
from sr.evaluation.image_scores import ImageScores
from sr.evaluation.restorers import Restorer
from sr.metrics import psnr_y
from sr.model import build_model
from sr.training.validation import build_validation, format_scores, score_bicubic, score_model
from tests.sr.evaluation.small_benchmark import small_model
from tests.sr.small_models import small_config


@pytest.fixture(scope="module")
def images():
    _, held_out = open_images(DataConfig(dead_leaves=1), 64)
    return build_validation(load_space("dasr_iso_x2"), held_out, 65)


def test_hr_images_are_centres_and_multiples_of_the_scale(images):
    assert {tuple(hr.shape) for hr in images.hr_images} == {(1, 3, 64, 64)}
    assert len(images.names) == 4
    for lr_images in images.lr_images:
        for lr in lr_images:
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


def test_a_model_is_scored_as_a_restorer_restores(images):
    """With the parameters of each degradation, in either precision, and without a change of its mode."""
    model = small_model("oracle").train()
    found = score_model(model, images, bf16=False, device=torch.device("cpu"))
    d, i = 2, 1
    known = images.parameters[[d]]
    sr_image = Restorer("oracle", model=model).restore(images.lr_images[d][i], 2, parameters=known)
    assert found.psnr[d, i] == pytest.approx(float(psnr_y(sr_image, images.hr_images[i], 2)), abs=1e-9)
    other = Restorer("oracle", model=model).restore(images.lr_images[d][i], 2, parameters=images.parameters[[0]])
    assert not torch.equal(sr_image, other)
    bf16 = score_model(model, images, bf16=True, device=torch.device("cpu"))
    assert (bf16.psnr != found.psnr).any()
    np.testing.assert_allclose(bf16.psnr, found.psnr, atol=0.5)
    assert model.training


def test_wider_blurs_are_harder(images):
    means = score_bicubic(images, 2).psnr.mean(1)
    assert bool((np.diff(means) < 0).all())


def test_table_names_what_it_compares():
    better, worse = (ImageScores(np.full((2, 3), psnr), np.ones((2, 3))) for psnr in (30.0, 28.5))
    text = format_scores({"ours": better, "bicubic": worse}, ["sharp", "blurred"])
    assert "ours ahead of bicubic, paired: +1.50 [+1.50, +1.50] dB" in text
    assert "30.00" in text
    assert "sharp" in text
