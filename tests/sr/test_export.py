"""ONNX graphs with any batch, height and width agree with torch: each fusion, each network, each kind of condition.

All other combinations: `make test ARGS="-m exhaustive"`.
"""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from sr.export import export_onnx
from sr.fusion import FUSIONS
from sr.model import build_model
from tests.sr.small_models import SMALL_OPTIONS, small_config
from tests.sr.test_contract import EVERY, SCALES, perturb

onnxruntime = pytest.importorskip("onnxruntime")

CASES = [
    *[("edsr_small", fusion, "joint", 2) for fusion in FUSIONS],
    *[(network, "channel", "oracle", 3) for network in SMALL_OPTIONS if network != "edsr_small"],
    ("dasr_small", "da_conv", "joint", 3),
    *[("edsr_small", "affine", conditioning, 4) for conditioning in ("shared", "constant", "oracle", "none")],
]
COMBINATIONS = {case[:3] for case in CASES}
OTHERS = [(*one, scale) for one, scale in zip(EVERY, SCALES, strict=True) if one not in COMBINATIONS]


@pytest.mark.parametrize(
    ("network", "fusion", "conditioning", "scale"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in OTHERS)],
)
def test_agrees_with_torch_at_other_sizes(network, fusion, conditioning, scale, tmp_path):
    torch.manual_seed(0)
    config = small_config(network, fusion, conditioning, scale=scale)
    if network == "edsr_small":
        config = replace(config, network_options=replace(config.network_options, blocks=1))
    if fusion == "mutual":
        config = replace(config, fusion_options=replace(config.fusion_options, window=3))
    model = build_model(config).eval()
    perturb(model)
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for shape in ((1, 3, 16, 16), (3, 3, 19, 34)):
        lr_image, parameters = torch.rand(shape), torch.rand(shape[0], 6)
        given = {"lr_image": lr_image.numpy()}
        if model.needs_parameters:
            given["parameters"] = parameters.numpy()
        with torch.no_grad():
            expected = model(lr_image, parameters=parameters if model.needs_parameters else None)
        np.testing.assert_allclose(session.run(None, given)[0], expected.numpy(), atol=2e-5)


@pytest.mark.parametrize(
    ("name", "looks_at"),
    [pytest.param("dasr", "bands", marks=pytest.mark.exhaustive), ("dasr", "bands_level"), ("resnet18", "rgb")],
)
def test_other_encoders(name, looks_at, tmp_path):
    torch.manual_seed(0)
    config = small_config("edsr_small", "affine", "frozen")
    model = build_model(replace(config, encoder=replace(config.encoder, name=name, input=looks_at))).eval()
    perturb(model)
    export_onnx(model, str(tmp_path / "model.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    lr_image = torch.rand(2, 3, 19, 34)
    with torch.no_grad():
        expected = model(lr_image)
    np.testing.assert_allclose(session.run(None, {"lr_image": lr_image.numpy()})[0], expected.numpy(), atol=5e-5)


def test_a_model_works_on_in_a_process_that_began_with_its_export(tmp_path):
    code = f"""
from pathlib import Path
import torch
from sr.export import export_onnx
from sr.model import build_model
from tests.sr.small_models import small_config
model = build_model(small_config(conditioning="none", bicubic_skip=True)).eval()
export_onnx(model, Path({str(tmp_path / "model.onnx")!r}))
print(type(model(torch.rand(1, 3, 16, 16))) is torch.Tensor)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "True"
