"""Standardised representations have zero mean and unit variance over the images that they were fitted to."""

import pytest
import torch

from shared.encoders import Representation
from sr.conditioning import EncoderInput, RepresentationShape
from sr.conditioning.standardisation import Standardisation
from sr.model import build_model
from sr.model_artefact import load_model, save_model
from tests.sr.small_models import small_config

SHAPE = RepresentationShape(6, (4, 6))


def represent(count: int, seed: int) -> Representation:
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(5 + 3 * torch.randn(count, channels, 4, 2, generator=generator) for channels in SHAPE.channels)
    return Representation(maps[-1].mean((2, 3)), maps)


def test_what_it_was_fitted_to_is_standardised():
    batches = [represent(10, seed) for seed in range(4)]
    standardisation = Standardisation(SHAPE)
    standardisation.fit(batches)
    found = [standardisation(one) for one in batches]
    vectors = torch.cat([one.vector for one in found])
    torch.testing.assert_close(vectors.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(vectors.std(0), torch.ones(6))
    for level in range(2):
        means = torch.cat([one.maps[level].mean((2, 3)) for one in found])
        torch.testing.assert_close(means.std(0), torch.ones(SHAPE.channels[level]))
    torch.testing.assert_close(found[0].maps[-1].mean((2, 3)), found[0].vector)


def test_a_channel_that_hardly_varies_is_not_blown_up():
    batch = represent(50, 0)
    batch.maps[-1][:, 2] = 1
    batch.maps[-1][0, 2] += 1e-6
    standardisation = Standardisation(SHAPE)
    standardisation.fit([Representation(batch.maps[-1].mean((2, 3)), batch.maps)])
    assert standardisation(batch).maps[-1][:, 2].abs().max() < 0.1


def test_one_image_is_refused():
    with pytest.raises(ValueError, match="at least two images"):
        Standardisation(SHAPE).fit([represent(1, 0)])


def test_it_is_saved_with_the_model(tmp_path):
    config = small_config(conditioning="frozen")
    config.encoder_input = EncoderInput(standardise=True)
    model = build_model(config).eval()
    image = torch.rand(4, 3, 20, 20)
    model.source.standardisation.fit([model.source.encode(image)])
    torch.testing.assert_close(model.represent(image).vector.std(0), torch.ones(256))
    save_model(tmp_path, model, card="", metadata={})
    assert torch.equal(load_model(tmp_path).represent(image).vector, model.represent(image).vector)
