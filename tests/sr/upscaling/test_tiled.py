"""Tiles, symmetries and conditions: the result is that of the network on the whole image."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.encoders import Representation
from shared.images import dihedral, inverse_element, upsample_bicubic
from sr.conditioning import EncoderInput
from sr.fusion import FUSIONS
from sr.model import build_model
from sr.networks import NETWORKS
from sr.upscaling.tiled import Upscaling, upscale
from sr.upscaling.tiles import Tiling, split_axis
from tests.sr.small_models import BY_MAP, small_config
from tests.sr.upscaling.whole_images import SMALL, largest_difference, photograph, small_model, upscale_whole

LOCAL_NETWORKS = ("edsr_small", "dasr_small", "kdsr_small")


@pytest.mark.parametrize("network", LOCAL_NETWORKS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiled_is_untiled(network, scale):
    model = small_model(network, scale=scale)
    image = photograph(150, 201)
    assert largest_difference(upscale(model, image, **SMALL), upscale_whole(model, image)) < 1e-5


@pytest.mark.parametrize("fusion", [*FUSIONS, *BY_MAP])
def test_tiled_is_untiled_for_every_fusion(fusion):
    model, image = small_model(fusion=fusion), photograph(101, 150)
    whole = upscale_whole(model, image)
    assert largest_difference(upscale(model, image, **SMALL), whole) < 3e-5
    plain = upscale_whole(model, image, representation=model.represent(photograph(40, 60, top=300)[None]))
    assert largest_difference(whole, plain) > 1e-4, "the condition has no effect here, so the test is void"


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("size", [(101, 150), (30, 45), (20, 90)])
def test_a_vector_of_windows_is_that_of_the_whole_image(size, ensemble):
    model, image = small_model(encoder_input=EncoderInput(upsampling=2, windows=5, side=32)), photograph(*size)
    with torch.no_grad():
        all_ = [
            dihedral(model(dihedral(image[None], element)), inverse_element(element))[0]
            for element in range(8 if ensemble else 1)
        ]
    expected = torch.stack(all_).mean(0).clamp(0, 1)
    assert largest_difference(upscale(model, image, ensemble=ensemble, **SMALL), expected) < 1e-5
    other = upscale(model, image, ensemble=ensemble, reference=photograph(60, 60, top=300), **SMALL)
    assert largest_difference(other, expected) > 1e-3, "the condition has no effect here, so the test is void"


@pytest.mark.parametrize("conditioning", ["none", "constant", "random", "shared"])
def test_tiled_is_untiled_for_every_conditioning(conditioning):
    model, image = small_model(fusion="two_path", conditioning=conditioning), photograph(101, 150)
    assert largest_difference(upscale(model, image, **SMALL), upscale_whole(model, image)) < 1e-5


@pytest.mark.parametrize("size", [(16, 16), (16, 230), (163, 17), (97, 128)])
def test_any_size(size):
    model, image = small_model(), photograph(*size)
    assert largest_difference(upscale(model, image, **SMALL), upscale_whole(model, image)) < 1e-5


def test_the_default_overlap_is_exact_for_the_small_networks():
    image = photograph(40, 300)
    for network in ("edsr_small", "dasr_small", "kdsr_small"):
        torch.manual_seed(0)
        options = NETWORKS[network].config()
        config = replace(small_config(network, "da_conv"), network_options=options)
        model = build_model(config).eval()
        torch.nn.init.normal_([m for m in model.network.tail.modules() if isinstance(m, torch.nn.Conv2d)][-1].weight)
        tiled = upscale(model, image, tile=128)
        assert largest_difference(tiled, upscale_whole(model, image)) < 1e-4
        assert largest_difference(tiled, upsample_bicubic(image[None], 2)[0]) > 0.1


def measure_steps(result: Tensor, columns: Tensor) -> Tensor:
    """Averages the difference from each of the columns to the next over rows and colours."""
    return (result[..., 1:] - result[..., :-1]).abs().mean((0, 1))[columns]


def find_borders(length: int, tiling: Tiling, scale: int) -> Tensor:
    """Lists the columns of the result where tiles are blended."""
    columns = {
        edge
        for span in split_axis(length, tiling)[1:]
        for edge in range(span.begin * scale - 1, (span.begin + 2 * tiling.ramp) * scale + 1)
    }
    return torch.tensor(sorted(columns))


@pytest.mark.parametrize("network", ["mean of the tile", "rcan_small", "swin2sr_small"])
def test_there_are_no_seams_if_the_network_reaches_further(network, monkeypatch):
    """Compared with the result of the whole image, whose steps are those of the image."""
    image = photograph(120, 400)
    if network == "mean of the tile":
        model = small_model(conditioning="none")

        def forward(lr_image: Tensor, *_, condition: object = None) -> Tensor:
            return 0.9 * upsample_bicubic(lr_image, 2) + 0.1 * lr_image.mean()  # tiles differ by up to 0.03

        monkeypatch.setattr(model.network, "forward", forward)
    else:
        model = small_model(network)
    whole, result = upscale_whole(model, image), upscale(model, image, **SMALL)
    at, elsewhere = find_borders(400, Tiling(96, 16), 2), torch.ones(799, dtype=torch.bool)
    elsewhere[at] = False
    added = measure_steps(result - whole, torch.arange(799))
    own = measure_steps(whole, torch.arange(799))
    assert float(added[at].max()) < 0.2 * float(own[elsewhere].median())
    ratio = measure_steps(result, at).mean() / measure_steps(whole, at).mean()
    assert 0.95 < float(ratio) < 1.05
    if network == "mean of the tile":  # this measure detects a border that is not blended
        hard = upscale(model, image, tile=96, overlap=0)
        assert float(measure_steps(hard - whole, torch.arange(799)).max()) > 5 * float(added.max())


def test_the_ensemble_is_the_mean_over_the_symmetries():
    model, image = small_model(), photograph(101, 150)
    with torch.no_grad():
        all_ = [dihedral(model(dihedral(image[None], element)), inverse_element(element))[0] for element in range(8)]
    expected = torch.stack(all_).mean(0).clamp(0, 1)
    assert largest_difference(upscale(model, image, ensemble=True, **SMALL), expected) < 1e-5


@pytest.mark.parametrize("fusion", ["da_conv", "multi_scale", "multi_scale:map"])
def test_a_reference_gives_the_representation(fusion):
    model, image, reference = small_model(fusion=fusion), photograph(101, 150), photograph(60, 70, top=300)
    with torch.no_grad():
        found = model.represent(reference[None])
        maps = tuple(map_.mean((2, 3), keepdim=True) for map_ in found.maps)
    expected = upscale_whole(model, image, representation=Representation(found.vector, maps))
    assert largest_difference(upscale(model, image, reference=reference, **SMALL), expected) < 1e-5
    assert largest_difference(upscale(model, image, **SMALL), expected) > 1e-4


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_gray_alpha_and_depths(channels, dtype):
    model, largest = small_model(), torch.iinfo(dtype).max
    floats = torch.cat((photograph(80, 130), photograph(80, 130, top=200)))[:channels]
    image = (floats * largest).round().to(dtype)
    job = Upscaling(model, image, tiling=Tiling(96, 16))
    result = torch.zeros(channels, 160, 260)
    for top, left, part in job.rectangles():
        result[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    floats = image.float() / largest
    colours = floats[: 3 if channels > 2 else 1]
    with torch.no_grad():
        expected = model(colours.expand(1, 3, -1, -1))[0]
    expected = (expected if channels > 2 else expected.mean(0, keepdim=True)).clamp(0, 1)
    assert largest_difference(result[: len(colours)], expected) < 1e-5
    if channels in (2, 4):
        assert largest_difference(result[-1:], upsample_bicubic(floats[None, -1:], 2)[0].clamp(0, 1)) < 1e-5


@pytest.mark.parametrize("bf16", [False, True])
def test_float32_is_full_float32(monkeypatch, bf16):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    model, values = small_model(), []
    model.network.register_forward_hook(lambda *_: values.append(torch.backends.cudnn.allow_tf32))
    upscale(model, photograph(40, 60), **SMALL, bf16=bf16)
    assert values == [bf16]
    assert torch.backends.cudnn.allow_tf32
