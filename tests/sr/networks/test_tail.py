"""The tail as one convolution against its layers one after the other."""

import math

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from sr.networks.tail import UpsamplingTail

FEATURES = 16


def layer_by_layer(tail: UpsamplingTail, features: torch.Tensor) -> torch.Tensor:
    return nn.Sequential(*tail)(features)


@pytest.fixture(params=[2, 3, 4])
def tail(request) -> UpsamplingTail:
    torch.manual_seed(request.param)
    tail = UpsamplingTail(FEATURES, request.param).double()
    for parameter in tail.parameters():  # a bias of 0 would hide errors
        nn.init.normal_(parameter)
    return tail


@pytest.mark.parametrize("size", [(2, 20, 20), (1, 5, 97), (1, 97, 6), (3, 17, 31)])
def test_every_pixel_is_that_of_the_layers(tail, size):
    count, height, width = size
    features = torch.randn(count, FEATURES, height, width, dtype=torch.float64)
    expected = layer_by_layer(tail, features)
    with torch.no_grad():
        found = tail(features)
    assert found.shape == (count, 3, tail.scale * height, tail.scale * width)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * float(expected.detach().abs().max()))


def test_every_gradient_is_that_of_the_layers(tail):
    features = torch.randn(2, FEATURES, 19, 21, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 19 * tail.scale, 21 * tail.scale, dtype=torch.float64)
    inputs = [features, *tail.parameters()]
    found, expected = (
        torch.autograd.grad((image * weight).sum(), inputs)
        for image in (tail(features), layer_by_layer(tail, features))
    )
    for gradient, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=1e-9, atol=1e-9 * float(reference.abs().max()))


def test_a_large_image_needs_few_multiplications(tail):
    features = torch.randn(1, FEATURES, 96, 96, dtype=torch.float64)
    with torch.no_grad(), FlopCounterMode(display=False) as composed:
        tail(features)
    with torch.no_grad(), FlopCounterMode(display=False) as of_layers:
        layer_by_layer(tail, features)
    assert composed.get_total_flops() < 0.75 * of_layers.get_total_flops()


@pytest.mark.parametrize("channels", [64, 128, 256])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_single_convolution_is_used_only_where_it_is_cheaper(channels, scale):
    side = math.ceil(5 * channels**0.5)
    with torch.no_grad(), FakeTensorMode():  # shapes alone: multiplications are counted, not done
        tail = UpsamplingTail(channels, scale)
        for size, saves in ((side, True), (side - 1, False)):
            features = torch.randn(1, channels, size, size)
            with FlopCounterMode(display=False) as composed:
                tail(features)
            with FlopCounterMode(display=False) as of_layers:
                layer_by_layer(tail, features)
            assert (composed.get_total_flops() < of_layers.get_total_flops()) == saves


def test_a_small_image_passes_through_the_layers(tail):
    features = torch.randn(1, FEATURES, 4, 9, dtype=torch.float64)
    assert torch.equal(tail(features), layer_by_layer(tail, features))


def test_bf16_rounds_no_more_than_the_layers(tail):
    features = torch.randn(1, FEATURES, 40, 40)
    tail = tail.float()
    exact = layer_by_layer(tail, features)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        error, of_layers = (
            (image - exact).square().mean() for image in (tail(features), layer_by_layer(tail, features))
        )
    assert error <= 1.5 * of_layers
