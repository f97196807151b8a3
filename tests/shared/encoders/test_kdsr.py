"""KDSR's encoder against its published forward pass."""

import pytest
import torch
from torch.nn.functional import conv2d, leaky_relu

from shared.encoders import EncoderConfig, build_encoder


@torch.no_grad()
@pytest.mark.parametrize(("name", "features", "blocks"), [("kdsr_m", 64, 9), ("kdsr_l", 128, 5)])
def test_it_is_the_published_network(name, features, blocks):
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig(name=name)).eval().double()
    w = encoder.state_dict()
    images = torch.rand(2, 3, 16, 17).double()

    def conv(layer, x):
        layer = f"backbone.stages.{layer}"
        return conv2d(x, w[f"{layer}.weight"], w[f"{layer}.bias"], padding=1)

    x = leaky_relu(conv("0.0", images), 0.1)
    for i in range(blocks):
        inside = leaky_relu(conv(f"0.{2 + i}.convolutions.0", x), 0.1)
        x = x + conv(f"0.{2 + i}.convolutions.2", inside)
    maps = [x]
    maps.append(leaky_relu(conv("1.2", leaky_relu(conv("1.0", maps[0]), 0.1)), 0.1))
    maps.append(leaky_relu(conv("2.0", maps[1]), 0.1))
    found = encoder(images)
    for one, expected in zip(found.maps, maps, strict=True):
        torch.testing.assert_close(one, expected)
    torch.testing.assert_close(found.vector, maps[2].mean((2, 3)))
    assert encoder.channels == (features, 2 * features, 4 * features)
    assert encoder.strides == (1, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stem": "3x3"}, "stem=3x3 does not apply to kdsr_m; leave it at standard"),
        ({"downsample": False}, "downsample=False applies only to dasr; kdsr_m has no strides"),
    ],
)
def test_options_of_other_networks_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_encoder(EncoderConfig(name="kdsr_m", **options))
