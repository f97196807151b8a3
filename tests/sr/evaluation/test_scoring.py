"""Scores: golden values under noise, what they depend on, and the inputs of the representation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sr.evaluation.scoring
from shared.degradations import degrade, summarise_as_vector
from shared.images import upsample_bicubic
from sr.evaluation.benchmarks import Benchmark, open_benchmarks
from sr.evaluation.protocols import load_protocol
from sr.evaluation.restorers import Restorer
from sr.evaluation.scoring import make_lr_images, score_benchmark, score_images
from sr.metrics import psnr_y, ssim_y
from tests.sr.evaluation.small_benchmark import BENCHMARK, GOLDEN, needs_golden, rows_of, small_model, write_data_sets

CPU = torch.device("cpu")
BICUBIC = Restorer("bicubic", "bicubic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_data_sets(root)
    return root


@pytest.fixture(scope="module")
def four(folder) -> Benchmark:
    return open_benchmarks(str(folder), ["Four"], 64)[0]


@needs_golden
def test_bicubic_meets_anisotropic_golden_values():
    whole = load_protocol("dasr_aniso", 4)
    rows = [5, 18 + 7]
    some = {name: tuple(getattr(whole, name)[d] for d in rows) for name in ("kernels", "blur_sigmas", "noise_sigmas")}
    protocol = replace(whole, degradation=whole.degradation[rows], **some)
    (set14,) = open_benchmarks(str(BENCHMARK), ["Set14"], 64)
    found = score_benchmark([BICUBIC], set14, protocol, device=CPU)["bicubic"].psnr.mean(1)
    golden = {
        (row["kernel"], row["noise"]): float(row["psnr"]) for row in rows_of(GOLDEN / "aniso9_bicubic_set14_x4.csv")
    }
    assert found[0] == pytest.approx(golden["6", "0"], abs=0.005)
    assert found[1] == pytest.approx(golden["8", "10"], abs=0.03)


def test_scores_depend_neither_on_other_images_nor_on_the_chunks(folder, four, tmp_path, monkeypatch):
    (tmp_path / "Four").mkdir()
    (tmp_path / "Four" / "2.png").write_bytes((folder / "Four" / "2.png").read_bytes())
    protocol = load_protocol("dasr_aniso", 4)
    (alone,) = open_benchmarks(str(tmp_path), ["Four"], 64)
    expected = score_benchmark([BICUBIC], four, protocol, device=CPU)["bicubic"]
    monkeypatch.setattr(sr.evaluation.scoring, "PIXEL_CHUNK", 1)
    found = score_benchmark([BICUBIC], alone, protocol, device=CPU)["bicubic"]
    np.testing.assert_allclose(found.psnr[:, 0], expected.psnr[:, 2], atol=1e-3)
    other_noise = score_benchmark([BICUBIC], alone, protocol, seed=1, device=CPU)["bicubic"]
    assert (other_noise.psnr[:9] == found.psnr[:9]).all()
    assert (other_noise.psnr[9:] != found.psnr[9:]).all()


def test_controls_of_the_representation(four):
    protocol = load_protocol("dasr_iso", 2)
    restorers = [Restorer(name, name, small_model(name)) for name in ("frozen", "oracle", "none")]
    own, image, degradation = (
        score_benchmark(restorers, four, protocol, representation=which, device=CPU)
        for which in ("own", "other_image", "shuffled")
    )
    assert (image["frozen"].psnr != own["frozen"].psnr).any()
    assert (degradation["frozen"].psnr != image["frozen"].psnr).any()
    assert (image["oracle"].psnr == own["oracle"].psnr).all()
    assert (degradation["oracle"].psnr != own["oracle"].psnr).all()
    assert (degradation["none"].psnr == own["none"].psnr).all()
    # an oracle receives, under the second degradation, the parameters of one of the others
    hr_image = four.hr_image(0, 2)
    lr_image = degrade(hr_image[None], protocol.degradation[[1]])[0]
    oracle, known = restorers[1], summarise_as_vector(protocol.degradation)
    by_parameters = [float(psnr_y(oracle.restore(lr_image, 2, parameters=known[[d]]), hr_image, 2)) for d in range(4)]
    assert own["oracle"].psnr[1, 0] == pytest.approx(by_parameters[1], abs=1e-3)
    assert min(abs(degradation["oracle"].psnr[1, 0] - by_parameters[d]) for d in (0, 2, 3)) < 1e-4


class RecordingRestorer(Restorer):
    """Bicubic up-sampling that records its inputs."""

    def restore(self, lr_images, scale, *, parameters=None, references=None, bf16=False):
        RECORDED.append((parameters, references))
        return upsample_bicubic(lr_images, scale)


RECORDED: list = []


@pytest.mark.parametrize("representation", ["own", "other_image", "shuffled"])
def test_a_restorer_receives_the_inputs_of_the_control(four, representation):
    protocol = load_protocol("dasr_iso", 2)
    known = summarise_as_vector(protocol.degradation)
    small = [make_lr_images(four.hr_image(i, 2), protocol.degradation) for i in range(4)]
    RECORDED.clear()
    score_benchmark([RecordingRestorer("w", "w")], four, protocol, representation=representation, device=CPU)
    assert len(RECORDED) == 4
    for i, (parameters, references) in enumerate(RECORDED):
        rows = [int((known == one).all(1).nonzero()) for one in parameters]
        assert sorted(rows) == [0, 1, 2, 3]
        assert all((row == d) == (representation != "shuffled") for d, row in enumerate(rows))
        if representation == "own":
            assert references is None
        else:
            others_of = [one for j, one in enumerate(small) if j != i and one.shape == references.shape]
            assert any(torch.equal(references, one[rows]) for one in others_of)


def test_images_are_restored_as_they_are_and_compared_one_by_one(four):
    restorer, hr_image = Restorer("oracle", model=small_model("oracle")), four.hr_image(0, 2)
    degradation = load_protocol("dasr_iso", 2).degradation
    lr_images, known = make_lr_images(hr_image, degradation), summarise_as_vector(degradation)
    assert torch.equal(lr_images, (lr_images * 255).round() / 255)
    psnr, ssim = score_images(restorer, lr_images, hr_image.expand(4, -1, -1, -1), 2, parameters=known)
    assert psnr.dtype == ssim.dtype == np.float64
    sr_images = restorer.restore(lr_images, 2, parameters=known)
    for d in range(4):
        assert psnr[d] == pytest.approx(float(psnr_y(sr_images[d : d + 1], hr_image, 2)), abs=1e-9)
        assert ssim[d] == pytest.approx(float(ssim_y(sr_images[d : d + 1], hr_image, 2)), abs=1e-9)
    assert len(set(psnr)) == 4
