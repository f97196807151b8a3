"""ONNX graphs with any batch, height and width agree with torch: each fusion, each network, each kind of condition.

Fusions that read the vector alone come with the oracle, whose graph has no encoder; one of those that read maps comes
with a timm encoder on bands instead of DASR's; a model without a condition comes last.

All other combinations: `make test ARGS="-m exhaustive"`.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sr.conditioning import EncoderInput
from sr.export import export_onnx
from sr.model import ModelConfig, build_model
from tests.sr.small_models import BY_MAP, SMALL_OPTIONS, small_config
from tests.sr.test_contract import EVERY, SCALES, parameters_for, perturb

onnxruntime = pytest.importorskip("onnxruntime")

BY_VECTOR = {"dasr_small": "da_conv", "kdsr_small": "dynamic_conv"}  # the other networks take `channel`
ENCODERS = [("two_path", "resnet10t", "bands_level"), ("affine:map", "dasr", "energies")]
OTHER_ENCODERS = [
    ("affine:map", "resnet10t", "rgb"),
    ("two_path", "dasr", "bands_level"),
    ("affine:map", "dasr", "bands"),
]
CASES = [
    *[(one, BY_VECTOR.get(one, "channel"), "oracle", 3) for one in SMALL_OPTIONS if one != "edsr_small"],
    *[("edsr_small", one, "joint", 2) for one in BY_MAP if one != "affine:map"],
    ("edsr_small", "affine:map", "shared", 4),
    ("edsr_small", "affine", "constant", 4),
]
COMBINATIONS = {case[:3] for case in CASES}
OTHERS = [(*one, scale) for one, scale in zip(EVERY, SCALES, strict=True) if one not in COMBINATIONS]


@pytest.mark.parametrize(
    ("network", "fusion", "conditioning", "scale"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in OTHERS)],
)
def test_agrees_with_torch_at_other_sizes(network, fusion, conditioning, scale, tmp_path):
    config = small_config(network, fusion, conditioning, scale=scale)
    if network == "edsr_small":
        config = with_one_block(config)
    if fusion.startswith("mutual"):
        config = replace(config, fusion_options=replace(config.fusion_options, window=3))
    assert_agrees(config, tmp_path, 2e-5)


@pytest.mark.parametrize(
    ("fusion", "encoder", "encoder_input"),
    [*ENCODERS, *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in OTHER_ENCODERS)],
)
def test_other_encoders(fusion, encoder, encoder_input, tmp_path):
    config = with_one_block(small_config("edsr_small", fusion, "frozen"))
    assert_agrees(replace(config, encoder=replace(config.encoder, name=encoder, input=encoder_input)), tmp_path, 5e-5)


@pytest.mark.parametrize(
    ("conditioning", "encoder_input"),
    [
        ("frozen", EncoderInput(upsampling=2, windows=3, side=20, standardise=True)),
        ("distilled", EncoderInput(windows=25, side=20)),
        pytest.param("statistics", EncoderInput(windows=3, side=20, standardise=True), marks=pytest.mark.exhaustive),
    ],
)
def test_windows(conditioning, encoder_input, tmp_path):
    config = with_one_block(small_config("edsr_small", "affine", conditioning))
    assert_agrees(replace(config, encoder_input=encoder_input), tmp_path, 5e-5)


def with_one_block(config: ModelConfig) -> ModelConfig:
    return replace(config, network_options=replace(config.network_options, blocks=1))


def assert_agrees(config: ModelConfig, folder: Path, tolerance: float) -> None:
    """Exports a model that is far from its start, and compares images of two other sizes."""
    torch.manual_seed(0)
    model = build_model(config).eval()
    perturb(model)
    export_onnx(model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    for shape in ((1, 3, 16, 16), (3, 3, 19, 34)):
        lr_image, parameters = torch.rand(shape), parameters_for(model, shape[0])
        given = {"lr_image": lr_image.numpy()}
        if parameters is not None:
            given["parameters"] = parameters.numpy()
        with torch.no_grad():
            expected = model(lr_image, parameters=parameters)
        np.testing.assert_allclose(session.run(None, given)[0], expected.numpy(), atol=tolerance)


def test_a_model_works_on_in_a_process_that_began_with_its_export(tmp_path):
    """This one has no condition, and a bicubic skip."""
    code = f"""
import numpy as np
import torch
from sr.conditioning import EncoderInput
from sr.export import export_onnx
from sr.model import build_model
from tests.sr.small_models import BY_MAP, SMALL_OPTIONS, small_config
from tests.sr.test_contract import perturb
torch.manual_seed(0)
model = build_model(small_config(conditioning="none", bicubic_skip=True)).eval()
perturb(model)
export_onnx(model, {str(tmp_path / "model.onnx")!r})
lr_image = torch.rand(3, 3, 19, 34)
sr_image = model(lr_image).detach()
np.savez({str(tmp_path / "images.npz")!r}, lr_image=lr_image.numpy(), sr_image=sr_image.numpy())
print(type(sr_image) is torch.Tensor)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "True"
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    with np.load(tmp_path / "images.npz") as images:
        found = session.run(None, {"lr_image": images["lr_image"]})[0]
        np.testing.assert_allclose(found, images["sr_image"], atol=2e-5)
