"""The oracle with error, and the encoder that learns the code of an oracle's adapter."""

import pytest
import torch
import torch.nn.functional as F

from shared.encoders import EncoderConfig, build_encoder
from sr.conditioning.adapter import Adapter, RepresentationShape
from sr.conditioning.encoder_input import EncoderInput
from sr.conditioning.parametric_sources import (
    DistilledSource,
    OracleSource,
    distillation_loss,
    image_noise,
    represent_parameters,
)

SHAPE = RepresentationShape(6, (6,))


class Samples:
    """Parameters as in a space of blurs: only the first one varies."""

    def parameters_of_degradations(self, rows: int) -> torch.Tensor:
        parameters = torch.full((rows, 6), 0.5)
        parameters[:, 0] = torch.linspace(0, 0.7, rows)
        return parameters


@pytest.mark.parametrize("r2", [0.5, 0.8, 0.95])
def test_a_linear_reading_explains_the_share_of_the_variance_that_was_asked_for(r2):
    source, rows = OracleSource(r2), 4000
    source.fit(Samples())
    parameters = Samples().parameters_of_degradations(rows)
    images = torch.rand(rows, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    read = source.represent(images, parameters, torch.nn.Identity()).vector
    correlation = torch.corrcoef(torch.stack((read[:, 0], parameters[:, 0])))[0, 1]
    assert float(correlation.square()) == pytest.approx(r2, abs=0.02)
    assert torch.equal(read[:, 1:], parameters[:, 1:])


def test_the_noise_is_gaussian_and_belongs_to_the_image():
    images = torch.rand(4000, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    noise = image_noise(images, 6)
    assert noise.mean(0).abs().max() < 0.06
    assert (noise.std(0) - 1).abs().max() < 0.05
    assert (torch.corrcoef(noise.T) - torch.eye(6)).abs().max() < 0.06
    assert (noise.square() > 2.706).float().mean(0).sub(0.1).abs().max() < 0.02  # a tenth is beyond 1.645 deviations
    assert torch.equal(image_noise(images[7:8], 6), noise[7:8])
    odd = (torch.rand(200, 3, 61, 47, generator=torch.Generator().manual_seed(1)) * 255).round() / 255
    for turned in (odd.flip(-1), odd.transpose(-1, -2), odd.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(image_noise(turned, 6), image_noise(odd, 6))


def test_an_oracle_without_error_returns_the_parameters():
    parameters = torch.rand(2, 6)
    assert torch.equal(
        OracleSource().represent(torch.rand(2, 3, 16, 16), parameters, torch.nn.Identity()).vector, parameters
    )
    with pytest.raises(ValueError, match="r2=1.5 must be a number above 0 and at most 1"):
        OracleSource(1.5)


@pytest.mark.parametrize("uses", [("vector",), ("last_map",), ("all_means",)])
def test_the_student_learns_the_code_and_the_teacher_does_not(uses):
    torch.manual_seed(0)
    adapter = Adapter(SHAPE, 16, uses)
    read, parameters = torch.rand(3, 6, requires_grad=True), torch.rand(3, 6)
    loss = distillation_loss(adapter, represent_parameters(read), parameters)
    student, teacher = (adapter(represent_parameters(one), (1, 1)).code().detach() for one in (read, parameters))
    shares = [F.softmax(code / 0.15, 1) for code in (teacher, student)]
    expected = (shares[0] * (shares[0].log() - shares[1].log())).sum(1).mean() + (student - teacher).abs().mean()
    torch.testing.assert_close(loss.detach(), expected)
    loss.backward()
    assert read.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in adapter.parameters())
    assert distillation_loss(adapter, represent_parameters(parameters), parameters) < 1e-6


def test_what_is_read_from_windows_is_averaged():
    encoder = build_encoder(EncoderConfig(name="dasr"))
    source = DistilledSource(encoder, EncoderInput(windows=3, side=20)).eval()
    images = torch.rand(2, 3, 50, 40)
    windows = source.encoder_input.cut(images)
    with torch.no_grad():
        each = [source.head(encoder(windows[:, k]).vector) for k in range(3)]
        found = source(images)
    torch.testing.assert_close(found.vector, torch.stack(each).mean(0))
    assert torch.equal(found.maps[0][:, :, 0, 0], found.vector)
    assert source.trained_encoder() is encoder
