import pytest
import torch

from pretrain.views import ViewsConfig, degraded_crops
from shared.data import CropSize, ViewSources
from shared.degradations import degrade, load_space


@pytest.mark.parametrize(
    ("crops", "sizes"),
    [
        ("2x64", (CropSize(2, 64),)),
        ("4x48+2x64", (CropSize(2, 64), CropSize(4, 48))),
        ("2x64+6x48", (CropSize(2, 64), CropSize(6, 48))),
    ],
)
def test_sizes_are_read_largest_first(crops, sizes):
    assert ViewsConfig(crops).sizes() == sizes


@pytest.mark.parametrize("crops", ["64", "2x", "0x64", "2x64+", "2x64,4x48", "2x8", "1x64+1x64"])
def test_crops_of_another_form_are_refused(crops):
    with pytest.raises(ValueError, match="views="):
        ViewsConfig(crops).sizes()


def test_sources():
    assert ViewsConfig(other_images=0.5).sources() == ViewSources(0.5, turned=True)
    with pytest.raises(ValueError, match="within 0..1"):
        ViewsConfig(other_images=1.5).sources()
    with pytest.raises(ValueError, match="one of the two"):
        ViewsConfig(other_images=0.5, images=2).sources()


def test_views_of_all_sizes_share_the_degradation_and_have_their_own_noise():
    space = load_space("blur_noise")
    margin = space.margin()
    degradation = space.draw(4, torch.Generator().manual_seed(0))
    flat = (torch.full((4 * 2, 3, 32 + 2 * margin, 32 + 2 * margin), 128, dtype=torch.uint8),
            torch.full((4 * 1, 3, 24 + 2 * margin, 24 + 2 * margin), 128, dtype=torch.uint8))  # fmt: skip
    large, small = degraded_crops(flat, degradation, margin, torch.device("cpu"))
    assert large.shape == (4, 2, 3, 32, 32)
    assert small.shape == (4, 1, 3, 24, 24)
    sigma = degradation.parameters[:, 1, 0]
    for views in (large, small):
        assert torch.allclose(views.flatten(1).std(1), sigma, rtol=0.1, atol=0.002)
    assert not torch.equal(large[:, 0, :, :24, :24], small[:, 0])
    alone = degrade(
        flat[1].float().div(255).view(4, 1, 3, *flat[1].shape[2:]), degradation, margin=margin, first_view=2
    )
    assert torch.equal(alone, small)
