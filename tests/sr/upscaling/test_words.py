"""What the command says of each image."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from shared.readings import open_shipped
from sr.upscale import main
from sr.upscaling.source_images import to_rgb8, to_tensor
from tests.sr.upscaling.upscale_files import save_models


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_models(tmp_path_factory.mktemp("models"))


def test_an_image_is_read_as_the_reader_of_photographs_reads_it(tmp_path, models, capsys):
    photograph = data.coffee()[100:260, 200:400]
    Image.fromarray(photograph).save(tmp_path / "a.png")
    verdict = open_shipped(torch.device("cpu")).read(to_tensor(photograph.copy())).verdict
    for conditioning in ("none", "joint"):
        arguments = [str(tmp_path / "a.png"), str(tmp_path / "b.png"), str(models / conditioning)]
        assert main([*arguments, "accelerator=cpu", "overwrite=true"]) == 0
        title, line = capsys.readouterr().out.splitlines()
        assert title == "what is read from each image, blur in its own pixels, noise in 8-bit levels:"
        assert line == f"{tmp_path / 'a.png'} -> {tmp_path / 'b.png'}, 200x160 -> 400x320; {verdict}"
    assert main([*arguments, "accelerator=cpu", "overwrite=true", f"reference={tmp_path / 'a.png'}"]) == 0
    assert f"{tmp_path / 'a.png'}: {verdict}\n" in capsys.readouterr().out


def test_any_image_becomes_rgb_of_8_bits():
    rgb = data.astronaut()[:70, :80]
    expected = to_tensor(rgb.copy())
    for step in (-128, 0, 128):  # what rounds to the same
        deep = (257 * rgb.astype(np.int32) + step).clip(0, 65535).astype(np.uint16)
        assert torch.equal(to_rgb8(to_tensor(deep)), expected)
    gray = to_rgb8(to_tensor(rgb[..., :1].copy()))
    assert gray.shape == (3, 70, 80)
    assert torch.equal(gray[0], gray[2])
    with_alpha = np.concatenate((rgb, rgb[..., :1]), 2)
    assert torch.equal(to_rgb8(to_tensor(with_alpha)), expected)
