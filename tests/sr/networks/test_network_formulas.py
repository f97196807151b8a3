"""The networks against the published forward passes, written out on the weights of their state dicts."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from shared.encoders import EncoderConfig, Representation
from sr.conditioning.adapter import Adapter, RepresentationShape
from sr.fusion import FUSIONS
from sr.model import ModelConfig, build_model
from sr.networks import NETWORKS
from sr.networks.base import FusionSlot
from tests.sr.small_models import small_config

WIDTH = 24
SHAPE = RepresentationShape(dim=10, channels=(5, 6, 7))
MEAN = torch.tensor((0.4488, 0.4371, 0.4040)).double().view(3, 1, 1)  # float32, as the networks keep it


def leaky(x, slope=0.1):
    return torch.where(x > 0, x, slope * x)


def conv(w, name, x, stride=1):
    weight = w[f"{name}.weight"]
    return F.conv2d(x, weight, w[f"{name}.bias"], stride=stride, padding=weight.shape[-1] // 2)


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)


def layer_norm(w, name, x):
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / scale * w[f"{name}.weight"] + w[f"{name}.bias"]


def channel_norm(w, name, x):
    return layer_norm(w, name, x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def per_channel(x):
    return x[:, :, None, None]


def dynamic_conv(w, name, x, condition):
    b, c, h, w_ = x.shape
    kernels = linear(w, f"{name}.2", leaky(linear(w, f"{name}.0", condition))).view(-1, 1, 3, 3)
    return F.conv2d(x.reshape(1, -1, h, w_), kernels, padding=1, groups=b * c).view(b, c, h, w_)


def da_conv(w, name, x, condition):
    filtered = leaky(dynamic_conv(w, f"{name}.dynamic.kernels", x, condition))
    gate = linear(w, f"{name}.gate.2", leaky(linear(w, f"{name}.gate.0", condition))).sigmoid()
    return conv(w, f"{name}.mix", filtered) + x * per_channel(gate)


def channel_modulation(w, name, x, condition):
    return x + x * per_channel(linear(w, f"{name}.scale", condition))


def conv_relu_conv(w, name, x):
    return conv(w, f"{name}.2", conv(w, f"{name}.0", x).relu())


def compress(w, vector, prefix=""):
    return leaky(linear(w, f"{prefix}adapter.vector.0", vector))


def upsample(w, name, x, scale):
    """Sub-pixel convolutions, then a convolution to the image."""
    factors = {2: [2], 3: [3], 4: [2, 2]}[scale]
    for i, factor in enumerate(factors):
        x = F.pixel_shuffle(conv(w, f"{name}.{2 * i}", x), factor)
    return conv(w, f"{name}.{2 * len(factors)}", x)


def around_the_body(w, lr_image, scale, body, prefix="", peak=255):
    """The frame of DASR, KDSR, RCAN and EDSR around their blocks, on 0..peak: 1 in KDSR, else 255."""
    shallow = conv(w, f"{prefix}stem.0", peak * lr_image - peak * MEAN)
    deep = conv(w, f"{prefix}body.parts.{len(body)}", run(body, shallow)) + shallow
    return (upsample(w, f"{prefix}tail", deep, scale) + peak * MEAN) / peak


def run(steps, x):
    for step in steps:
        x = step(x)
    return x


def published_dasr(w, lr_image, scale, *, groups, blocks):
    """DASR's BlindSR in evaluation mode: the encoder's vector before its MLP steers every convolution."""
    x = lr_image
    for stage, first_stride in enumerate((1, 2, 2)):
        name = f"source.encoder.backbone.stages.{stage}"
        for layer, stride in ((0, first_stride), (3, 1)):
            x = leaky(batch_norm(w, f"{name}.{layer + 1}", conv(w, f"{name}.{layer}", x, stride)))
    condition = compress(w, x.mean((2, 3)), "network.")

    def group(name, x):
        inside = x
        for i in range(blocks):
            block = f"{name}.inside.parts.{i}"
            out = leaky(da_conv(w, f"{block}.place1.fusion", inside, condition))
            out = leaky(conv(w, f"{block}.conv1", out))
            out = leaky(da_conv(w, f"{block}.place2.fusion", out, condition))
            inside = inside + conv(w, f"{block}.conv2", out)
        return x + conv(w, f"{name}.inside.parts.{blocks}", inside)

    body = [lambda x, i=i: group(f"network.body.parts.{i}", x) for i in range(groups)]
    return around_the_body(w, lr_image, scale, body, "network.")


def batch_norm(w, name, x):
    centred = x - per_channel(w[f"{name}.running_mean"][None])
    scale = w[f"{name}.weight"] / (w[f"{name}.running_var"] + 1e-5).sqrt()
    return centred * per_channel(scale[None]) + per_channel(w[f"{name}.bias"][None])


def published_kdsr(w, lr_image, representation, scale, *, blocks):
    condition = compress(w, representation.vector)

    def block(name, x):
        filtered = dynamic_conv(w, f"{name}.place.fusion.kernels", x, condition)
        return x + conv(w, f"{name}.conv", leaky(filtered))

    body = [lambda x, i=i: block(f"body.parts.{i}", x) for i in range(blocks)]
    return around_the_body(w, lr_image, scale, body, peak=1)


def published_rcan(w, lr_image, representation, scale, *, groups, blocks):
    """RCAN whose branches the condition scales after their channel attention."""
    condition = compress(w, representation.vector)

    def group(name, x):
        inside = x
        for i in range(blocks):
            block = f"{name}.inside.parts.{i}"
            found = conv_relu_conv(w, f"{block}.convolutions", inside)
            means = per_channel(found.mean((2, 3)))
            gate = f"{block}.convolutions.3.gate"
            found = found * conv(w, f"{gate}.3", conv(w, f"{gate}.1", means).relu()).sigmoid()
            inside = inside + channel_modulation(w, f"{block}.place.fusion", found, condition)
        return x + conv(w, f"{name}.inside.parts.{blocks}", inside)

    return around_the_body(w, lr_image, scale, [lambda x, i=i: group(f"body.parts.{i}", x) for i in range(groups)])


def published_edsr(w, lr_image, representation, scale, *, blocks, residual_scale):
    """EDSR whose branches the condition modulates before the residual scaling."""
    condition = per_channel(compress(w, representation.vector))

    def block(name, x):
        fusion = f"{name}.place.fusion.modulation"
        gamma, beta = conv(w, f"{fusion}.2", leaky(conv(w, f"{fusion}.0", condition))).chunk(2, 1)
        found = conv_relu_conv(w, f"{name}.convolutions", x)
        return x + residual_scale * (found + gamma * found + beta)

    return around_the_body(w, lr_image, scale, [lambda x, i=i: block(f"body.parts.{i}", x) for i in range(blocks)])


def published_swin2sr(w, lr_image, representation, scale, *, groups, blocks, heads, window):
    """Swin2SR whose groups the condition modulates."""
    condition, (h, w_) = compress(w, representation.vector), lr_image.shape[2:]
    rows, columns = ([reflected(i, side) for i in range(window * math.ceil(side / window))] for side in (h, w_))
    shallow = conv(w, "stem.0", lr_image[:, :, rows][..., columns] - MEAN)
    x = channel_norm(w, "body.parts.0.1.norm", conv(w, "body.parts.0.0", shallow))
    for i in range(1, groups + 1):
        name, tokens = f"body.parts.{i}", x.permute(0, 2, 3, 1)
        for j in range(blocks):
            tokens = swin_block(w, f"{name}.blocks.{j}", tokens, heads, window, window // 2 * (j % 2))
        inside = tokens.permute(0, 3, 1, 2)
        x = channel_modulation(
            w, f"{name}.place.fusion", x + conv(w, f"{name}.embed", conv(w, f"{name}.conv", inside)), condition
        )
    x = channel_norm(w, f"body.parts.{groups + 1}.norm", x)
    deep = conv(w, f"body.parts.{groups + 2}", x) + shallow
    sr_image = upsample(w, "tail.2", leaky(conv(w, "tail.0", deep), 0.01), scale) + MEAN
    return sr_image[..., : scale * h, : scale * w_]


def reflected(position, side):
    """The position within 0..side-1 that is as far behind the last one as the given position is before it."""
    return position if position < side else 2 * (side - 1) - position


def swin_block(w, name, x, heads, window, shift):
    """Swin V2 on (B, H, W, C): norms after attention and perceptron.

    Windows that a shift cuts at the border are attended to separately, which is what the published mask does.
    """
    found = torch.full_like(x, torch.nan)
    for sample, rows, columns in itertools.product(
        range(len(x)), spans(x.shape[1], window, shift), spans(x.shape[2], window, shift)
    ):
        tokens = x[sample, rows, columns]
        attended = cosine_attention(w, f"{name}.attn", tokens.flatten(0, 1), tokens.shape[:2], heads, window)
        found[sample, rows, columns] = attended.view(tokens.shape)
    x = x + layer_norm(w, f"{name}.norm1", found)
    hidden = linear(w, f"{name}.mlp.fc1", x)
    gelu = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    return x + layer_norm(w, f"{name}.norm2", linear(w, f"{name}.mlp.fc2", gelu))


def spans(length, window, shift):
    edges = sorted({0, *range(shift, length, window), length})
    return [slice(*pair) for pair in itertools.pairwise(edges)]


def cosine_attention(w, name, tokens, size, heads, window):
    positions = torch.cartesian_prod(*(torch.arange(n) for n in size)).double()  # (n, 2)
    offset = 8 * (positions[:, None] - positions) / (window - 1)
    logarithmic = offset.sign() * (1 + offset.abs()).log2() / 3
    bias = 16 * linear(w, f"{name}.cpb_mlp.2", linear(w, f"{name}.cpb_mlp.0", logarithmic).relu()).sigmoid()
    query, key, value = linear(w, f"{name}.qkv", tokens).chunk(3, -1)
    query, value = query + w[f"{name}.q_bias"], value + w[f"{name}.v_bias"]
    found = []
    for head, channels in enumerate(torch.arange(tokens.shape[1]).chunk(heads)):
        q, k = query[:, None, channels], key[None, :, channels]
        cosine = (q * k).sum(-1) / (q.norm(dim=-1) * k.norm(dim=-1))
        scale = w[f"{name}.logit_scale"][head].exp().clamp(max=100)
        found.append((scale * cosine + bias[:, :, head]).softmax(-1) @ value[:, channels])
    return linear(w, f"{name}.proj", torch.cat(found, -1))


def randomize(module, std=0.1):
    """Makes all parameters and running statistics random, those that start at zero or one too, and float64."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(std * torch.randn_like(parameter))
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand_like(buffer))
    return module.double().eval()


def build_network(name, fusion, scale, *, fusion_options=None, **options):
    entry = FUSIONS[fusion]
    config = entry.config(**(fusion_options or {}))
    network = NETWORKS[name].build(
        NETWORKS[name].config(features=16, **options),
        scale=scale,
        make_slot=lambda features: FusionSlot(entry.fusion(features, WIDTH, config)),
        adapter=Adapter(SHAPE, WIDTH, entry.fusion.uses(config)),
    )
    return randomize(network)


def random_representation(batch):
    maps = tuple(torch.randn(batch, c, 8 // 2**i, 12 // 2**i).double() for i, c in enumerate(SHAPE.channels))
    return Representation(torch.randn(batch, SHAPE.dim).double(), maps)


def bicubic(lr_image, scale):
    padded = F.pad(lr_image, (4,) * 4, mode="replicate")
    cut = slice(4 * scale, -4 * scale)
    return F.interpolate(padded, scale_factor=scale, mode="bicubic", antialias=True)[..., cut, cut]


def assert_equal(found, expected, tolerance=1e-9):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def assert_computes(network, published, scale, *, tolerance=1e-9, **sizes):
    """The network equals the formula, and each sample depends on its own representation."""
    lr_image, representation = torch.rand(2, 3, 7, 10).double(), random_representation(2)
    found = network(lr_image, representation)
    assert found.shape == (2, 3, 7 * scale, 10 * scale)
    assert_equal(found, published(network.state_dict(), lr_image, representation, scale, **sizes), tolerance)
    others = Representation(representation.vector.flip(0), tuple(each.flip(0) for each in representation.maps))
    assert (found - network(lr_image, others)).abs().amax((1, 2, 3)).min() > 1e-3


@pytest.fixture(autouse=True)
def no_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_dasr_is_the_published_forward(scale):
    sizes = {"groups": 1, "blocks": 2}
    config = ModelConfig(
        scale=scale,
        network="dasr",
        network_options=NETWORKS["dasr"].config(features=16, **sizes),
        fusion="da_conv",
        fusion_options=FUSIONS["da_conv"].config(),
        conditioning="joint",
        encoder=EncoderConfig(name="dasr"),
    )
    assert_is_published_dasr(config, **sizes)


def test_dasr_applies_its_groups_in_turn():
    sizes = {"groups": 3, "blocks": 1}
    config = small_config("dasr_small", "da_conv")
    assert_is_published_dasr(replace(config, network_options=replace(config.network_options, **sizes)), **sizes)


def assert_is_published_dasr(config, **sizes):
    """With its own encoder, whose vectors of the two images are far apart."""
    model = randomize(build_model(config))
    lr_image = torch.rand(2, 3, 17, 22).double() * torch.tensor((0.2, 1.0)).view(2, 1, 1, 1)
    found = model(lr_image)
    assert_equal(found, published_dasr(model.state_dict(), lr_image, config.scale, **sizes))
    by_other = model(lr_image, representation=model.represent(lr_image.flip(0)))
    assert (found - by_other).abs().amax((1, 2, 3)).min() > 0.01


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_kdsr_is_a_sequence_of_dynamic_convolutions(scale):
    assert_computes(build_network("kdsr", "dynamic_conv", scale, blocks=3), published_kdsr, scale, blocks=3)


def test_rcan_attends_to_channels_and_then_to_the_condition():
    sizes = {"groups": 2, "blocks": 2}
    assert_computes(build_network("rcan", "channel", 3, reduction=4, **sizes), published_rcan, 3, **sizes)


def test_edsr_scales_branches_that_the_condition_modulated():
    sizes = {"blocks": 2, "residual_scale": 0.3}
    assert_computes(build_network("edsr", "affine", 4, **sizes), published_edsr, 4, **sizes)


def test_swin2sr_is_groups_of_shifted_windows():
    sizes = {"groups": 2, "blocks": 3, "heads": 2, "window": 4}
    network = build_network("swin2sr", "channel", 3, tail_features=12, mlp_ratio=1.5, **sizes)
    assert network.state_dict()["body.parts.1.blocks.0.mlp.fc1.weight"].shape == (24, 16)
    assert_computes(
        network, published_swin2sr, 3, tolerance=1e-5, **sizes
    )  # timm keeps its relative positions in float32


def test_a_network_with_a_skip_adds_to_bicubic():
    sizes = {"blocks": 1, "residual_scale": 1.0}
    network = build_network("edsr", "affine", 3, bicubic_skip=True, **sizes)
    lr_image, representation = torch.rand(2, 3, 7, 10).double(), random_representation(2)
    added = published_edsr(network.state_dict(), lr_image, representation, 3, **sizes) - MEAN
    assert added.abs().max() > 1e-3
    assert_equal(network(lr_image, representation), bicubic(lr_image, 3) + added, 1e-7)


def test_shared_blocks_are_plain_residual_blocks_of_the_stem():
    network = randomize(build_model(small_config(conditioning="shared"))).network
    lr_image, w = torch.rand(2, 3, 7, 10).double(), network.state_dict()
    convolved = conv(w, "stem.0", 255 * (lr_image - MEAN))
    assert_equal(network.shallow(lr_image), convolved + conv_relu_conv(w, "stem.1.convolutions", convolved))
