"""Numbers of parameters against those of the papers, in millions."""

import pytest

from shared.encoders import EncoderConfig
from sr.fusion import FUSIONS
from sr.model import ModelConfig, build_model
from sr.networks import NETWORKS


def count(
    network: str,
    fusion: str,
    conditioning: str,
    *,
    scale: int,
    width: int = 64,
    encoder: str = "dasr",
    adapter: str = "linear",
    **options,
) -> float:
    config = ModelConfig(
        scale=scale,
        network=network,
        network_options=NETWORKS[network].config(**options),
        fusion=fusion,
        fusion_options=FUSIONS[fusion].config(),
        conditioning=conditioning,
        width=width,
        encoder=EncoderConfig(name=encoder),
        adapter=adapter,
    )
    return sum(p.numel() for p in build_model(config).parameters()) / 1e6


def test_dasr_with_its_encoder_and_without_the_key_encoder():
    assert count("dasr", "da_conv", "joint", scale=4) == pytest.approx(5.84, abs=0.01)  # published: 5.8 M


@pytest.mark.parametrize(("scale", "published"), [(2, 1.37), (3, 1.55), (4, 1.52)])
def test_edsr_baseline(scale, published):
    assert count("edsr", "affine", "none", scale=scale) == pytest.approx(published, abs=0.006)


def test_edsr():
    big = count("edsr", "affine", "none", scale=4, blocks=32, features=256, residual_scale=0.1)
    assert big == pytest.approx(43.09, abs=0.01)


def test_rcan():
    assert count("rcan", "affine", "none", scale=4) == pytest.approx(15.59, abs=0.01)


@pytest.mark.parametrize(
    ("network", "encoder", "width", "published", "generator"),
    [("kdsr_m", "kdsr_m", 64, 5.80, 4.46), ("kdsr", "kdsr_l", 128, 14.19, 10.06)],
)
def test_kdsr_with_its_encoder_and_its_perceptron(network, encoder, width, published, generator):
    options = {"scale": 4, "width": width}
    whole = count(network, "dynamic_conv", "joint", encoder=encoder, adapter="mlp", **options)
    assert whole == pytest.approx(published, abs=0.01)
    assert count(network, "dynamic_conv", "oracle", **options) == pytest.approx(generator, abs=0.01)


def test_swin2sr():
    assert count("swin2sr", "affine", "none", scale=2) == pytest.approx(12.1, abs=0.2)
