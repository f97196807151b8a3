"""The contract of all encoders: timm's networks with every option, DASR's CNN, and what is refused."""

import pytest
import safetensors.torch
import timm
import torch

from shared.encoders import DasrBackbone, EncoderConfig, build_encoder
from shared.encoders.encoder import INPUTS

SMALL = ["resnet18", "convnext_atto", "mobilenetv3_small_050", "efficientnet_b0", "regnety_002", "dasr"]
RESNET_STEMS = {
    "standard": (2, 4, 8, 16, 32),
    "3x3": (1, 2, 4, 8, 16),
    "no_maxpool": (2, 2, 4, 8, 16),
    "3x3_no_maxpool": (1, 1, 2, 4, 8),
}


def check_contract(encoder, height, width):
    """Checks the shapes that the encoder states, and that every parameter gets a finite gradient."""
    encoder.train()
    images = torch.rand(2, 3, height, width)
    representation = encoder(images)
    assert representation.vector.shape == (2, encoder.dim)
    assert len(representation.maps) == len(encoder.channels) == len(encoder.strides)
    assert list(encoder.strides) == sorted(encoder.strides)
    for map_, channels, stride in zip(representation.maps, encoder.channels, encoder.strides, strict=True):
        min_side = getattr(encoder.backbone, "min_side", 4) * getattr(encoder.front_end, "stride", 1)
        padded = max(height, min_side), max(width, min_side)
        assert map_.shape[:2] == (2, channels)
        for size, side in zip(map_.shape[2:], padded, strict=True):
            assert side // stride <= size <= -(-side // stride)
    torch.testing.assert_close(representation.vector, representation.maps[-1].mean(dim=(2, 3)))
    sum(map_.square().mean() for map_ in representation.maps).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def build(**options):
    return build_encoder(EncoderConfig(**options))


@pytest.mark.parametrize("input_", INPUTS)
@pytest.mark.parametrize("name", SMALL)
def test_every_network_keeps_the_contract(name, input_):
    encoder = build(name=name, input=input_)
    for size in [(16, 16), (17, 23)]:
        check_contract(encoder, *size)


@pytest.mark.parametrize("name", ["densenet121", "resnetblur18", "hrnet_w18_small", "vgg11_bn"])
def test_networks_that_do_not_accept_every_size_get_padded_images(name):
    encoder = build_encoder(EncoderConfig(name=name)).eval()
    for size in [(16, 16), (17, 45)]:
        assert torch.isfinite(encoder(torch.rand(1, 3, *size)).vector).all()


def test_the_default_is_a_resnet50():
    encoder = build()
    assert encoder.dim == 2048
    assert encoder.channels == (64, 256, 512, 1024, 2048)
    assert encoder.strides == (2, 4, 8, 16, 32)
    check_contract(encoder, 40, 33)


@pytest.mark.parametrize("stem", RESNET_STEMS)
@pytest.mark.parametrize("input_", ["rgb", "bands_level"])
def test_stems_of_a_resnet(stem, input_):
    encoder = build(name="resnet18", stem=stem, input=input_)
    assert encoder.strides == RESNET_STEMS[stem]
    check_contract(encoder, 17, 23)


@pytest.mark.parametrize("name", [name for name in SMALL if name != "dasr"])
def test_a_3x3_stem_makes_maps_finer(name):
    standard, fine = build(name=name), build(name=name, stem="3x3")
    assert fine.strides[-1] < standard.strides[-1]
    assert fine.strides[0] == 1
    check_contract(fine, 17, 23)


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "efficientnet_b0", "regnety_002"])
@pytest.mark.parametrize("output_stride", [8, 16])
def test_the_output_stride_is_set(name, output_stride):
    encoder = build(name=name, output_stride=output_stride)
    assert encoder.strides[-1] == output_stride
    check_contract(encoder, 33, 23)
    assert build(name=name, output_stride=output_stride, stem="3x3").strides[-1] < output_stride


@pytest.mark.parametrize("name", [name for name in SMALL if name != "dasr"])
def test_the_last_map_agrees_with_timm(name):
    """timm's own network has the same weights, and its input is normalised here."""
    encoder = build_encoder(EncoderConfig(name=name)).eval()
    network = timm.create_model(name, num_classes=0).eval()
    missing, unexpected = network.load_state_dict(encoder.backbone.network.state_dict(), strict=False)
    assert not unexpected
    assert all(key.startswith(("head", "conv_head", "norm_head")) for key in missing)
    images = torch.rand(2, 3, 64, 48)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        normalised = ((images - mean) / std).contiguous(memory_format=torch.channels_last)  # the order of the sums
        expected = network.forward_features(normalised)
        assert torch.equal(encoder(images).maps[-1], expected)


def test_dasr_is_the_published_network():
    convolutions = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    expected = sum(9 * c_in * c_out + c_out + 2 * c_out for c_in, c_out in convolutions)
    assert expected == 1_147_200
    encoder = build_encoder(EncoderConfig(name="dasr"))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == expected
    assert (encoder.dim, encoder.channels, encoder.strides) == (256, (64, 128, 256), (1, 2, 4))


def test_dasr_agrees_with_its_formula():
    backbone = DasrBackbone().eval()
    images = torch.rand(1, 3, 20, 24)
    convolutions = [module for module in backbone.modules() if isinstance(module, torch.nn.Conv2d)]
    x = images
    for convolution, stride in zip(convolutions, (1, 1, 2, 1, 2, 1), strict=True):
        x = torch.nn.functional.conv2d(x, convolution.weight, convolution.bias, stride=stride, padding=1)
        x = x / (1 + 1e-5) ** 0.5  # batch norm of a fresh network
        x = torch.maximum(x, 0.1 * x)
    torch.testing.assert_close(backbone(images)[-1], x)


def test_dasr_without_downsampling():
    encoder = build(name="dasr", downsample=False)
    assert encoder.strides == (1, 1, 1)
    check_contract(encoder, 17, 23)


def test_dasr_in_0_to_255_gives_the_same_while_training():
    torch.manual_seed(0)
    backbone = DasrBackbone()
    for convolution in (m for m in backbone.modules() if isinstance(m, torch.nn.Conv2d)):
        torch.nn.init.zeros_(convolution.bias)
    images = torch.rand(4, 3, 24, 24)
    torch.testing.assert_close(backbone(255 * images)[-1], backbone(images)[-1], atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "dasr"])
def test_construction_changes_neither_batch_norm_nor_mode(name):
    encoder = build_encoder(EncoderConfig(name=name))
    assert all(module.training for module in encoder.modules())
    norms = [m for m in encoder.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    for norm in norms:
        assert norm.num_batches_tracked == 0
        assert torch.equal(norm.running_mean, torch.zeros_like(norm.running_mean))
        assert torch.equal(norm.running_var, torch.ones_like(norm.running_var))


@pytest.mark.parametrize("input_", INPUTS)
@pytest.mark.parametrize("name", ["resnet18", "dasr"])
def test_compiles_as_one_graph_in_bf16_and_channels_last(name, input_):
    encoder = build_encoder(EncoderConfig(name=name, input=input_)).eval()
    encoder = encoder.to(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        vector = compiled(images).vector
    assert vector.dtype == torch.bfloat16
    with torch.no_grad():
        torch.testing.assert_close(vector.float(), encoder(images).vector, atol=0.05, rtol=0.05)


def test_pretrained_weights_fit_any_input(tmp_path, monkeypatch):
    """A file of weights takes the place of timm's download."""
    create_model = timm.create_model
    published = create_model("resnet18")
    safetensors.torch.save_file(published.state_dict(), tmp_path / "resnet18.safetensors")
    overlay = {"file": str(tmp_path / "resnet18.safetensors")}
    monkeypatch.setattr(
        timm,
        "create_model",
        lambda name, **options: create_model(name, pretrained_cfg_overlay=overlay, **options),
    )
    expected = published.conv1.weight
    rgb = build_encoder(EncoderConfig(name="resnet18", pretrained=True, stem="no_maxpool"))
    assert torch.equal(rgb.backbone.network.conv1.weight, expected)
    bands = build_encoder(EncoderConfig(name="resnet18", pretrained=True, input="bands"))
    adapted = torch.cat([expected, expected[:, :2]], dim=1) * 3 / 5
    torch.testing.assert_close(bands.backbone.network.conv1.weight, adapted)
    assert torch.equal(bands.backbone.network.layer4[1].conv2.weight, published.layer4[1].conv2.weight)
    with pytest.raises(ValueError, match="do not fit stem=3x3"):
        build_encoder(EncoderConfig(name="resnet18", pretrained=True, stem="3x3"))


def test_a_failed_download_is_explained(monkeypatch):
    def fail(*_, **__):
        raise OSError("cannot reach the hub")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(ValueError, match=r"resnet18 could not be fetched \(cannot reach the hub\)"):
        build_encoder(EncoderConfig(name="resnet18", pretrained=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet5"}, "did you mean .*resnet50"),
        ({"name": "dassr"}, "did you mean dasr"),
        ({"name": "zzzzzzzzz"}, "unknown encoder 'zzzzzzzzz'"),
        ({"name": "resnet50.nope"}, "resnet50.a1_in1k"),
        ({"name": "vit_tiny_patch16_224"}, "vit_tiny_patch16_224 .*use a plain convolutional network"),
        ({"name": "mambaout_femto"}, "mambaout_femto does not end in a"),
        ({"input": "gray"}, "input='gray' is unknown: use one of rgb, bands, bands_level, energies"),
        ({"stem": "4x4"}, "stem='4x4' is unknown: use one of standard, 3x3"),
        ({"output_stride": 4}, "output_stride=4 is unknown: use one of 8, 16, 32"),
        ({"name": "mobilenetv3_small_050", "output_stride": 8}, "does not support output_stride=8; use 32"),
        ({"name": "regnety_002", "stem": "no_maxpool"}, "regnety_002 .*use stem=standard"),
        ({"name": "convnext_atto", "stem": "3x3_no_maxpool"}, "convnext_atto .*use stem=3x3"),
        ({"name": "fastvit_t8", "stem": "3x3"}, "fastvit_t8 has no plain first convolution"),
        ({"name": "vgg11", "stem": "3x3"}, "vgg11 already starts with"),
        ({"name": "resnet18", "downsample": False}, "downsample=False applies only to dasr"),
        ({"name": "dasr", "stem": "3x3"}, "stem=3x3 does not apply to dasr; leave it at standard"),
        ({"name": "dasr", "output_stride": 8}, "output_stride=8 does not apply to dasr; leave it at 32"),
        ({"name": "dasr", "pretrained": True}, "pretrained=True does not apply to dasr"),
    ],
)
def test_unsuitable_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_encoder(EncoderConfig(**options))


def test_a_network_without_weights_is_refused():
    with_weights = {tagged.split(".")[0] for tagged in timm.list_pretrained("resnet*")}
    name = min(set(timm.list_models("resnet*")) - with_weights)
    with pytest.raises(ValueError, match=f"timm has no weights for {name}"):
        build_encoder(EncoderConfig(name=name, pretrained=True))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(1, 3, 15, 64), "15x64 pixels are too small"),
        (torch.rand(3, 32, 32), r"must be \(B, 3, H, W\)"),
        (torch.rand(1, 1, 32, 32), r"must be \(B, 3, H, W\)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "floating point"),
    ],
)
def test_unsuitable_images_are_refused(images, message):
    encoder = build_encoder(EncoderConfig(name="dasr"))
    with pytest.raises(ValueError, match=message):
        encoder(images)
