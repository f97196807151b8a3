import pytest
import torch
from skimage import data

from shared.encoders import StatisticsEncoder
from shared.readings.reader import PhotographReader
from shared.readings.samples import PATCH
from tests.shared.readings.synthetic_samples import draw_synthetic


@pytest.fixture(scope="module")
def reader() -> PhotographReader:
    encoder = StatisticsEncoder()
    width = encoder(torch.zeros(1, 3, PATCH, PATCH)).vector.shape[1]
    return PhotographReader(encoder, draw_synthetic(200, 0, features=width + 2))


def photograph(side: int = 256) -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:side, :side].copy()).permute(2, 0, 1)


def test_a_photograph_is_read_alike_each_time(reader):
    assert reader.read(photograph()) == reader.read(photograph())


@pytest.mark.parametrize(("height", "width"), [(PATCH - 1, 500), (500, PATCH - 1), (1, 1)])
def test_small_images_are_not_read(reader, height, width):
    image = torch.randint(256, (3, height, width), dtype=torch.uint8)
    assert reader.read(image).verdict == f"cannot tell: too small, {width}x{height} pixels: a window has {PATCH}"


def test_flat_images_are_not_read(reader):
    image = torch.full((3, 100, 100), 128, dtype=torch.uint8)
    image[:, 50, 50] = 150
    assert reader.read(image).verdict == "cannot tell: too flat, nothing is to be seen"


def test_the_encoder_stays_in_its_mode(reader):
    reader._encoder.train()
    reader.read(photograph())
    assert reader._encoder.training
    assert torch.is_grad_enabled()


def test_samples_of_another_size_are_refused():
    with pytest.raises(ValueError, match="samples with 7 features are not of"):
        PhotographReader(StatisticsEncoder(), draw_synthetic(200, 0, features=7))
