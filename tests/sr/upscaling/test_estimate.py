"""What a model takes the degradation for, in words."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

import sr.upscaling.estimate
from shared.degradations import Degradation, degrade, load_space
from shared.encoders import Representation
from shared.encoders.statistics import degradation_statistics
from shared.probing import DegradationReader, RidgeProbe
from sr.model import build_model
from sr.model_artefact import save_model
from sr.upscale import main
from sr.upscaling.estimate import Estimator, open_estimator
from tests.sr.small_models import small_config

ONE = """
scale: 2
steps:
  - gaussian: {sigma: SIGMA}
  - bicubic: {relative_size: 1/2}
  - gaussian_noise: {noise_sigma: NOISE/255}
  - quantize: {}
"""


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    monkeypatch.setattr("shared.probing.probe_builders.PATCHES", 64)
    monkeypatch.setattr("shared.probing.probe_builders.DRAWN", 6)


@pytest.fixture
def seeing(monkeypatch):
    """A model whose representation are the hand-made statistics, which read blur and noise well."""

    def represent(model, images: Tensor, parameters: Tensor | None = None) -> Representation:
        vector = degradation_statistics(images)
        return Representation(F.pad(vector, (0, 256 - vector.shape[1])), ())

    monkeypatch.setattr("sr.model.SRModel.represent", represent)


def saved_model(folder, conditioning: str = "joint", degradation: str = "dasr_iso_x2", **metadata):
    model = build_model(small_config(fusion="da_conv", conditioning=conditioning, bicubic_skip=True)).eval()
    save_model(folder / "model", model, card="# card", metadata={"degradation": degradation, **metadata})
    return model


def degraded(path, sigma: float, noise: float) -> Tensor:
    """A photograph under one degradation, (3, h, w) uint8."""
    path.write_text(ONE.replace("SIGMA", str(sigma)).replace("NOISE", str(noise)))
    one: Degradation = load_space(str(path)).draw(1, torch.Generator().manual_seed(0))
    image = torch.from_numpy(data.coffee()).permute(2, 0, 1).float()[None, None] / 255
    return degrade(image, one)[0, 0].mul(255).round().byte()


@pytest.mark.parametrize(
    ("name", "sigma", "noise", "values"),
    [("log_sigma", "[0.3, 4.0]", "2", (0.8, 1.5, 3.0)), ("noise_sigma", "0.8", "[0, 25]", (3, 10, 22))],
)
def test_blur_and_noise_are_read(tmp_path, seeing, name, sigma, noise, values):
    own = tmp_path / "own.yaml"
    own.write_text(
        ONE.replace("SIGMA", sigma).replace(
            "NOISE/255", noise.replace("25", "25/255") if "[" in noise else f"{noise}/255"
        )
    )
    model = saved_model(tmp_path, degradation="own", config={"degradation": str(own)})
    estimator = open_estimator(model, tmp_path, tmp_path / "cache")
    assert list(estimator.reader.probes) == [name]
    assert estimator.reader.r2[name] > 0.4
    middles = []
    for value in values:
        sigma_and_noise = (value, 2) if name == "log_sigma" else (0.8, value)
        image = degraded(tmp_path / "one.yaml", *sigma_and_noise)
        ((unit, readings),) = estimator.read(image).items()
        assert unit == ("blur_width" if name == "log_sigma" else "noise")
        assert readings.shape == (15,)
        middle = float(np.median(readings))
        assert middle == pytest.approx(value, rel=0.6, abs=3 if unit == "noise" else 0)
        middles.append(middle)
        assert estimator.describe(image) == (f"noise {middle:.0f}" if unit == "noise" else f"blur {middle:.1f} px")
        assert estimator.describe((image.int() * 257).to(torch.uint16)) == estimator.describe(image)
    assert middles == sorted(middles)
    assert estimator.describe(image[:, :20, :30])  # smaller than a window
    assert estimator.describe(image[:2])  # gray and alpha


def test_probes_are_fitted_once_per_model(tmp_path, seeing, monkeypatch, capsys):
    model = saved_model(tmp_path / "one")
    first = open_estimator(model, tmp_path / "one", tmp_path / "cache")
    assert "once per model" in capsys.readouterr().out
    monkeypatch.setattr(sr.upscaling.estimate, "build_run_probe", lambda *_: pytest.fail("fitted again"))
    again = open_estimator(model, tmp_path / "one", tmp_path / "cache")
    assert capsys.readouterr().out == ""
    image = degraded(tmp_path / "one.yaml", 1.5, 0)
    assert again.describe(image) == first.describe(image)
    assert again.summary() == first.summary()
    other = saved_model(tmp_path / "two")
    with pytest.raises(pytest.fail.Exception, match="fitted again"):
        open_estimator(other, tmp_path / "two", tmp_path / "cache")


def test_damaged_caches_are_made_again_and_none_is_no_error(tmp_path, seeing, caplog):
    model = saved_model(tmp_path)
    expected = open_estimator(model, tmp_path, tmp_path / "cache").summary()
    (kept,) = (tmp_path / "cache" / "estimates").iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    assert open_estimator(model, tmp_path, tmp_path / "cache").summary() == expected
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("a file")
    assert open_estimator(model, tmp_path, tmp_path / "cache").summary() == expected
    assert "the model's probes are not cached" in caplog.text


def test_a_model_without_reliable_parameters_is_refused(tmp_path, monkeypatch):
    def represent(model, images: Tensor, parameters: Tensor | None = None) -> Representation:
        generator = torch.Generator().manual_seed(int(images.sum()))
        return Representation(torch.randn(len(images), 5, generator=generator), ())

    monkeypatch.setattr("sr.model.SRModel.represent", represent)
    model = saved_model(tmp_path)
    with pytest.raises(ValueError, match=r"read any parameter reliably from held-out images \(R\^2\): blur -?0\.\d+"):
        open_estimator(model, tmp_path, tmp_path / "cache")


@pytest.mark.parametrize("conditioning", ["none", "constant", "oracle"])
def test_a_model_that_does_not_read_images_has_no_estimator(tmp_path, conditioning):
    model = saved_model(tmp_path, conditioning)
    with pytest.raises(ValueError, match=f"conditioning={conditioning} does not infer the degradation"):
        open_estimator(model, tmp_path, tmp_path / "cache")


def test_a_space_that_is_not_there_is_named(tmp_path):
    model = saved_model(tmp_path, degradation="mine")
    with pytest.raises(ValueError, match="no degradation space 'mine'"):
        open_estimator(model, tmp_path, tmp_path / "cache")


def test_a_reading_without_visible_degradation(tmp_path, seeing):
    nothing = np.zeros(256)
    probe = RidgeProbe(nothing, nothing + 1, nothing, nothing[:, None].astype(np.float32), np.array([95.0]))
    reader = DegradationReader({"jpeg_quality": probe}, {"jpeg_quality": 0.5})
    estimator = Estimator(saved_model(tmp_path), reader)
    assert estimator.describe(degraded(tmp_path / "one.yaml", 1.0, 0)) == "no visible degradation"


def test_the_command_prints_estimates_per_image(tmp_path, seeing, capsys):
    import cv2

    saved_model(tmp_path)
    (tmp_path / "in").mkdir()
    for name, sigma in (("a", 0.5), ("b", 1.8)):
        image = degraded(tmp_path / "one.yaml", sigma, 0)[:, :60, :80].permute(1, 2, 0).numpy()
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), image[..., ::-1])
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), str(tmp_path), "accelerator=cpu"]
    arguments.append(f"cache_dir={tmp_path / 'cache'}")
    assert main(arguments) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].startswith(
        "degradation estimated by the model, blur in output pixels, noise in 8-bit levels (R^2): bl"
    )
    assert [line.partition("; ")[2][:5] for line in printed[2:4]] == ["blur ", "blur "]
    assert main([*arguments, "overwrite=true", f"reference={tmp_path / 'in' / 'b.png'}"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].startswith(f"{tmp_path / 'in' / 'b.png'}: blur ")
    assert "; " not in printed[2]
    saved_model(tmp_path / "plain", "none")
    assert main([*arguments[:1], str(tmp_path / "out2"), str(tmp_path / "plain"), *arguments[3:]]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        "no degradation is estimated: a model with conditioning=none does not infer the degradation"
    )


def test_estimators_leave_the_model_as_it_was(tmp_path, seeing):
    model = saved_model(tmp_path).train()
    estimator = open_estimator(model, tmp_path, tmp_path / "cache")
    assert isinstance(estimator, Estimator)
    estimator.describe(degraded(tmp_path / "one.yaml", 1.0, 0))
    assert model.training
    assert torch.is_grad_enabled()
