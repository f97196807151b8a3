"""Each fusion against its formula, written out a second time: unfolded windows, loops over samples, plain softmax."""

import math

import pytest
import torch
import torch.nn.functional as F

from shared.encoders import Representation
from sr.conditioning.adapter import Adapter, Condition, RepresentationShape
from sr.fusion import FUSIONS
from sr.fusion.base import SourceConfig

FEATURES, WIDTH = 16, 24
SHAPE = RepresentationShape(dim=10, channels=(5, 6, 7))
SIZES = {(7, 10): 3, (3, 2): 2}  # size of the features -> size of the batch
GUIDED = ("affine", "mutual", "attention3x3", "cross_attention", "multi_scale")  # they read the vector or the map
CASES = [
    *[(name, {}) for name in FUSIONS],
    *[(name, {"source": "map"}) for name in GUIDED],
    ("da_conv", {"kernel_size": 5, "reduction": 3}),
    ("dynamic_conv", {"kernel_size": 5}),
    ("attention3x3", {"heads": 2, "reduction": 4, "source": "map"}),
    ("attention3x3", {"heads": 1, "reduction": 1}),
    ("mutual", {"window": 3, "reduction": 1, "source": "map"}),
    ("mutual", {"window": 7, "reduction": 32, "source": "map"}),
    ("cross_attention", {"heads": 2, "window": 3, "mlp_ratio": 3, "source": "map"}),
]
each_fusion = pytest.mark.parametrize(
    ("name", "options"), CASES, ids=["-".join([name, *(f"{k}={v}" for k, v in o.items())]) for name, o in CASES]
)


def leaky(x):
    return torch.where(x > 0, x, 0.1 * x)


def linear(layer, x):
    return torch.einsum("oc,...c->...o", layer.weight, x) + (0 if layer.bias is None else layer.bias)


def pointwise(layer, x):
    return torch.einsum("oc,bchw->bohw", layer.weight[:, :, 0, 0], x) + layer.bias[:, None, None]


def norm(layer, x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias


def gelu(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def per_channel(x):
    return x[:, :, None, None]


def neighbours(x, window):
    """Unfolds windows, (B, C, window^2, h, w), of features padded by their edge."""
    h, w = x.shape[-2:]
    columns = F.unfold(F.pad(x, (window // 2,) * 4, mode="replicate"), window)
    return columns.view(x.shape[0], x.shape[1], window**2, h, w)


def dynamic_conv_reference(fusion, features, vector, map_):
    size = fusion.config.kernel_size
    kernels = linear(fusion.kernels[2], leaky(linear(fusion.kernels[0], vector)))
    convolved = [
        F.conv2d(one[None], kernel.view(FEATURES, 1, size, size), padding=size // 2, groups=FEATURES)
        for one, kernel in zip(features, kernels, strict=True)
    ]
    return torch.cat(convolved)


def da_conv_reference(fusion, features, vector, map_):
    dynamic = dynamic_conv_reference(fusion.dynamic, features, vector, map_)
    gate = torch.sigmoid(linear(fusion.gate[2], leaky(linear(fusion.gate[0], vector))))
    return pointwise(fusion.mix, leaky(dynamic)) + features * per_channel(gate)


def channel_reference(fusion, features, vector, map_):
    return features + features * per_channel(linear(fusion.scale, vector))


def affine_reference(fusion, features, vector, map_):
    both = pointwise(fusion.modulation[2], leaky(pointwise(fusion.modulation[0], map_)))
    gamma, beta = both[:, :FEATURES], both[:, FEATURES:]
    return features + gamma * features + beta


def two_path_reference(fusion, features, vector, map_):
    positions = pointwise(fusion.of_places[2], leaky(pointwise(fusion.of_places[0], map_)))
    return features + features * per_channel(linear(fusion.of_channels, vector)) + features * positions


def attention3x3_reference(fusion, features, vector, map_):
    heads = fusion.config.heads
    query = pointwise(fusion.query, map_)
    keys, values = neighbours(pointwise(fusion.key, features), 3), neighbours(pointwise(fusion.value, features), 3)
    attended = []
    for channels in torch.arange(query.shape[1]).chunk(heads):
        logits = (query[:, channels, None] * keys[:, channels]).sum(1) / math.sqrt(len(channels))  # (B, 9, h, w)
        attended.append((logits.softmax(1)[:, None] * values[:, channels]).sum(2))
    gate = torch.tanh(linear(fusion.gate[2], leaky(linear(fusion.gate[0], map_.mean((2, 3))))))
    return features + features * per_channel(gate) + pointwise(fusion.restore, torch.cat(attended, 1))


def mutual_reference(fusion, features, vector, map_):
    f_source = neighbours(pointwise(fusion.source, features), fusion.config.window)
    f_guide = pointwise(fusion.guide, map_)
    filters = (f_source * f_guide[:, :, None]).sum(1).softmax(1)  # (B, window^2, h, w)
    return features + pointwise(fusion.restore, (f_source * filters[:, None]).sum(2))


def cross_attention_reference(fusion, features, vector, map_):
    side, (h, w) = fusion.config.window, features.shape[-2:]
    result = torch.full_like(features, torch.nan)
    for sample, one in enumerate(features):
        for top in range(0, h, side):
            for left in range(0, w, side):
                rows = torch.arange(top, top + side).clamp(max=h - 1)[:, None]
                columns = torch.arange(left, left + side).clamp(max=w - 1)[None]
                tokens = one[:, rows, columns].flatten(1).T
                query_input = map_[sample][:, rows, columns].flatten(1).T
                tokens = transformer_block(fusion, tokens, query_input).T.reshape(FEATURES, side, side)
                inside = tokens[:, : h - top, : w - left]
                result[sample, :, top : top + side, left : left + side] = inside
    return result


def transformer_block(fusion, tokens, query_input):
    """Tokens (n, C) of one window of one sample; norms before attention and perceptron, none on the queries."""
    query = linear(fusion.query, query_input)
    key, value = linear(fusion.key_value, norm(fusion.norm, tokens)).split(FEATURES, -1)
    attended = []
    for channels in torch.arange(FEATURES).chunk(fusion.config.heads):
        logits = query[:, channels] @ key[:, channels].T / math.sqrt(len(channels))
        attended.append(logits.softmax(-1) @ value[:, channels])
    tokens = tokens + linear(fusion.project, torch.cat(attended, -1))
    hidden = linear(fusion.perceptron[0], norm(fusion.norm2, tokens))
    return tokens + linear(fusion.perceptron[2], gelu(hidden))


REFERENCES = {
    "da_conv": da_conv_reference,
    "dynamic_conv": dynamic_conv_reference,
    "channel": channel_reference,
    "affine": affine_reference,
    "attention3x3": attention3x3_reference,
    "mutual": mutual_reference,
    "cross_attention": cross_attention_reference,
    "two_path": two_path_reference,
    "multi_scale": affine_reference,
}


def reference_vector(adapter, representation):
    return leaky(linear(adapter.vector[0], representation.vector))


def reference_map(adapter, maps, size):
    """Resizes the maps before it compresses them: both are linear and preserve constants."""
    resized = [F.interpolate(each, size=size, mode="bilinear", align_corners=False) for each in maps]
    return leaky(sum(pointwise(layer, each) for layer, each in zip(adapter.maps, resized, strict=True)))


def reference_mean(adapter, maps):
    """Compresses the means of all maps."""
    means = [each.mean((2, 3)) for each in maps]
    return leaky(sum(linear(layer, each) for layer, each in zip(adapter.means, means, strict=True)))


def reference_condition(name, adapter, representation, size):
    """The vector and the map that a fusion of this name reads; a fusion by the vector alone sees a constant map."""
    maps = representation.maps if name == "multi_scale" else representation.maps[-1:]
    vector = reference_vector(adapter, representation) if adapter.vector is not None else None
    if adapter.means:
        vector = reference_mean(adapter, representation.maps)
    if adapter.maps:
        return vector, reference_map(adapter, maps, size)
    return vector, per_channel(vector).expand(-1, -1, *size)


def random_representation(batch, size):
    maps = (torch.randn(batch, c, *(math.ceil(n / 2**i) for n in size)) for i, c in enumerate(SHAPE.channels))
    vector = torch.randn(batch, SHAPE.dim)
    return Representation(vector.double(), tuple(each.double() for each in maps))


def randomize(module, std=0.3):
    """Makes all parameters random, those that start at zero or one too, and float64."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(std * torch.randn_like(parameter))
    return module.double().eval()


def build(name, options):
    torch.manual_seed(0)
    entry = FUSIONS[name]
    config = entry.config(**options)
    fusion = randomize(entry.fusion(FEATURES, WIDTH, config))
    return fusion, randomize(Adapter(SHAPE, WIDTH, entry.fusion.uses(config)))


def assert_equal(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def test_every_fusion_has_a_reference():
    assert set(REFERENCES) == set(FUSIONS)


def test_a_fusion_reads_what_its_option_says():
    guided = [name for name, entry in FUSIONS.items() if issubclass(entry.config, SourceConfig)]
    assert sorted(guided) == sorted(GUIDED)
    for name in guided:
        _, by_vector = build(name, {})
        _, by_map = build(name, {"source": "map"})
        assert len(by_vector.maps) == 0
        assert len(by_map.maps) == (len(SHAPE.channels) if name == "multi_scale" else 1)
        with pytest.raises(ValueError, match="fusion.source='vektor' must be one of vector, map"):
            build(name, {"source": "vektor"})


@pytest.mark.parametrize("size", SIZES)
@each_fusion
def test_a_fusion_is_its_formula(name, options, size):
    fusion, adapter = build(name, options)
    batch = SIZES[size]
    features, representation = torch.randn(batch, FEATURES, *size).double(), random_representation(batch, size)
    vector, map_ = reference_condition(name, adapter, representation, size)
    found = fusion(features, adapter(representation, size))
    assert_equal(found, REFERENCES[name](fusion, features, vector, map_))
    assert (found - features).abs().max() > 0.1
    others = Representation(representation.vector.flip(0), tuple(each.flip(0) for each in representation.maps))
    assert (found - fusion(features, adapter(others, size))).abs().amax((1, 2, 3))[0] > 0.01


@each_fusion
def test_samples_do_not_depend_on_each_other(name, options):
    fusion, adapter = build(name, options)
    features, representation = torch.randn(3, FEATURES, 7, 10).double(), random_representation(3, (7, 10))
    together = fusion(features, adapter(representation, (7, 10)))
    for i in range(3):
        own = Representation(representation.vector[i, None], tuple(each[i, None] for each in representation.maps))
        assert_equal(fusion(features[i, None], adapter(own, (7, 10))), together[i, None])


@pytest.mark.parametrize("batch", [1, 3])
@each_fusion
def test_the_memory_format_changes_nothing(name, options, batch):
    fusion, adapter = build(name, options)
    features, representation = torch.randn(batch, FEATURES, 7, 10).double(), random_representation(batch, (7, 10))
    condition = adapter(representation, (7, 10))
    found = fusion(features.to(memory_format=torch.channels_last), condition)
    assert_equal(found, fusion(features, condition))
    if name in ("dynamic_conv", "da_conv"):
        assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_the_exported_dynamic_convolution_is_the_same(kernel_size, monkeypatch):
    fusion, adapter = build("dynamic_conv", {"kernel_size": kernel_size})
    features, representation = torch.randn(2, FEATURES, 7, 10).double(), random_representation(2, (7, 10))
    with monkeypatch.context() as exporting:
        exporting.setattr(torch.compiler, "is_exporting", lambda: True)
        exporting.setattr(F, "conv2d", None)
        found = fusion(features, adapter(representation, (7, 10)))
    assert_equal(found, dynamic_conv_reference(fusion, features, reference_vector(adapter, representation), None))


def test_each_position_is_filtered_by_the_guide():
    config = FUSIONS["mutual"].config(source="map", window=3, reduction=1)
    fusion = FUSIONS["mutual"].fusion(2, 2, config).double()
    for layer, factor in ((fusion.source, 1), (fusion.guide, 1e9), (fusion.restore, 1)):
        layer.weight.copy_(factor * torch.eye(2)[:, :, None, None])
        layer.bias.zero_()
    angles = 2 * math.pi * torch.rand(1, 7, 10, generator=torch.Generator().manual_seed(0)).double()
    features = torch.stack((angles.cos(), angles.sin()), 1)  # unit vectors: each is most similar to itself
    below = features[:, :, [1, 2, 3, 4, 5, 6, 6]]
    assert_equal(fusion(features, Condition(None, below, below.mean((2, 3)))), features + below)


@pytest.mark.parametrize("name", sorted(set(GUIDED) - {"multi_scale"}))
def test_a_vector_acts_as_a_constant_map(name):
    entry = FUSIONS[name]
    by_vector, by_map = (entry.fusion(FEATURES, WIDTH, entry.config(source=source)) for source in ("vector", "map"))
    by_map.load_state_dict(randomize(by_vector).state_dict())
    features, vector = torch.randn(2, FEATURES, 7, 10).double(), torch.randn(2, WIDTH).double()
    flat = per_channel(vector).expand(-1, -1, 7, 10)
    assert_equal(by_vector(features, Condition(vector)), by_map.double()(features, Condition(None, flat, vector)))


def test_a_tile_is_gated_by_the_mean_of_the_whole_map():
    fusion, adapter = build("attention3x3", {"source": "map"})
    features = torch.randn(2, FEATURES, 7, 10).double()
    whole = adapter(random_representation(2, (7, 10)), (7, 10))
    tile = Condition(None, whole.map[..., 1:6, 2:9], whole.map_mean)
    found = fusion(features[..., 1:6, 2:9], tile)
    assert_equal(found[..., 1:-1, 1:-1], fusion(features, whole)[..., 2:5, 3:8])


@pytest.mark.parametrize("size", [(7, 10), (4, 5), (5, 3), (28, 41)])
def test_the_last_map_is_compressed_and_resized(size):
    adapter = randomize(Adapter(SHAPE, WIDTH, ("last_map",)))
    representation = random_representation(2, (7, 10))
    condition = adapter(representation, size)
    expected = reference_map(adapter, representation.maps[-1:], size)
    assert representation.maps[-1].shape[2:] == (2, 3)
    assert condition.vector is None
    assert_equal(condition.map, expected)
    assert_equal(condition.map_mean, expected.mean((2, 3)))
    assert condition.require_map(torch.zeros(2, FEATURES, *size)) is condition.map


def test_all_maps_are_added_before_the_nonlinearity():
    adapter = randomize(Adapter(SHAPE, WIDTH, ("all_maps",)))
    representation = random_representation(2, (7, 10))
    assert [layer.in_channels for layer in adapter.maps] == list(SHAPE.channels)
    assert_equal(adapter(representation, (7, 10)).map, reference_map(adapter, representation.maps, (7, 10)))


def test_a_map_is_interpolated_between_the_centres_of_its_pixels():
    adapter = Adapter(RepresentationShape(1, (1,)), 1, ("last_map",)).double()
    adapter.maps[0].weight.fill_(1)
    adapter.maps[0].bias.zero_()
    row = torch.tensor([0.0, 4.0]).double().view(1, 1, 1, 2)
    found = adapter(Representation(torch.zeros(1, 1), (row,)), (1, 4))
    assert_equal(found.map.flatten(), torch.tensor([0.0, 1.0, 3.0, 4.0]).double())


def test_the_vector_is_compressed_as_in_dasr():
    adapter = randomize(Adapter(SHAPE, WIDTH, ("vector",)))
    representation = random_representation(2, (7, 10))
    condition = adapter(representation, (7, 10))
    assert condition.map is None
    assert condition.map_mean is None
    assert adapter.vector[0].bias is None
    assert_equal(condition.require_vector(), reference_vector(adapter, representation))


@pytest.mark.parametrize(
    ("condition", "found"), [(Condition(torch.zeros(1, 4)), "None"), (Condition(None, torch.zeros(1, 4, 2, 3)), "2, 3")]
)
def test_a_map_of_another_size_is_refused(condition, found):
    with pytest.raises(ValueError, match=rf"map is \(?{found}\)?, the features are \(7, 10\)"):
        condition.require_map(torch.zeros(1, FEATURES, 7, 10))


def test_a_missing_vector_is_refused():
    with pytest.raises(ValueError, match="no vector"):
        Condition(None, torch.zeros(1, 4, 7, 10)).require_vector()
