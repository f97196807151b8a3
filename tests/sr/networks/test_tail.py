"""The tail as one convolution against the same layers in a row."""

import math

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from sr.networks.tail import UpsamplingTail

FEATURES = 16


def in_a_row(tail: UpsamplingTail, features: torch.Tensor) -> torch.Tensor:
    return nn.Sequential(*tail)(features)


@pytest.fixture(params=[2, 3, 4])
def tail(request) -> UpsamplingTail:
    torch.manual_seed(request.param)
    tail = UpsamplingTail(FEATURES, request.param).double()
    for parameter in tail.parameters():  # no layer's bias or border may hide
        nn.init.normal_(parameter)
    return tail


@pytest.mark.parametrize("size", [(2, 20, 20), (1, 5, 97), (1, 97, 6), (3, 17, 31)])
def test_every_pixel_is_that_of_the_layers_in_a_row(tail, size):
    count, height, width = size
    features = torch.randn(count, FEATURES, height, width, dtype=torch.float64)
    expected = in_a_row(tail, features)
    with torch.no_grad():
        found = tail(features)
    assert found.shape == (count, 3, tail.scale * height, tail.scale * width)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * float(expected.detach().abs().max()))


def test_every_gradient_is_that_of_the_layers_in_a_row(tail):
    features = torch.randn(2, FEATURES, 19, 21, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 19 * tail.scale, 21 * tail.scale, dtype=torch.float64)
    wanted = [features, *tail.parameters()]
    found, expected = (torch.autograd.grad((way(features) * weight).sum(), wanted) for way in (
        tail, lambda given: in_a_row(tail, given))
    )  # fmt: skip
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9 * float(theirs.abs().max()))


def test_a_large_image_takes_few_multiplications(tail):
    features = torch.randn(1, FEATURES, 96, 96, dtype=torch.float64)
    with torch.no_grad(), FlopCounterMode(display=False) as ours:
        tail(features)
    with torch.no_grad(), FlopCounterMode(display=False) as in_row:
        in_a_row(tail, features)
    assert ours.get_total_flops() < 0.75 * in_row.get_total_flops()


@pytest.mark.parametrize("channels", [64, 128, 256])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_single_convolution_is_taken_only_where_it_is_cheaper(channels, scale):
    side = math.ceil(5 * channels**0.5)
    with torch.no_grad(), FakeTensorMode():  # shapes alone: multiplications are counted, not done
        tail = UpsamplingTail(channels, scale)
        for size, saves in ((side, True), (side - 1, False)):
            features = torch.randn(1, channels, size, size)
            with FlopCounterMode(display=False) as ours:
                tail(features)
            with FlopCounterMode(display=False) as in_row:
                in_a_row(tail, features)
            assert (ours.get_total_flops() < in_row.get_total_flops()) == saves


def test_a_small_image_passes_through_the_layers(tail):
    features = torch.randn(1, FEATURES, 4, 9, dtype=torch.float64)
    assert torch.equal(tail(features), in_a_row(tail, features))


def test_bf16_rounds_no_more_than_the_layers_in_a_row(tail):
    features = torch.randn(1, FEATURES, 40, 40)
    tail = tail.float()
    exact = in_a_row(tail, features)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        error, of_layers = ((way - exact).square().mean() for way in (tail(features), in_a_row(tail, features)))
    assert error <= 1.5 * of_layers
