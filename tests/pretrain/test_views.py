"""Views: parsing of the crop sizes, their sources, and their degradation."""

import pytest
import torch

from pretrain.views import ViewsConfig, convert_crops, degrade_crops
from shared.data.sampling import CropSize, ViewSources
from shared.degradations import degrade, load_space


@pytest.mark.parametrize(
    ("crops", "sizes"),
    [
        ("2x64", (CropSize(2, 64),)),
        ("4x48+2x64", (CropSize(2, 64), CropSize(4, 48))),
        ("2x64+6x48", (CropSize(2, 64), CropSize(6, 48))),
    ],
)
def test_sizes_are_sorted_largest_first(crops, sizes):
    assert ViewsConfig(crops).sizes() == sizes


@pytest.mark.parametrize("crops", ["64", "2x", "0x64", "2x64+", "2x64,4x48", "2x8", "1x64+1x64"])
def test_malformed_crops_are_refused(crops):
    with pytest.raises(ValueError, match="views="):
        ViewsConfig(crops).sizes()


def test_sources_and_values_out_of_range():
    assert ViewsConfig(other_images=0.5).sources() == ViewSources(0.5, turned=True)
    with pytest.raises(ValueError, match="one of the two"):
        ViewsConfig(other_images=0.5, images=2).sources()


def test_views_of_all_sizes_share_the_degradation_but_not_the_noise():
    space = load_space("blur_noise")
    margin = space.margin()
    degradation = space.draw(4, torch.Generator().manual_seed(0))
    gray_crops = tuple(
        torch.full((4 * count, 3, patch + 2 * margin, patch + 2 * margin), 128, dtype=torch.uint8)
        for count, patch in ((2, 32), (1, 24))
    )
    sharp = convert_crops(gray_crops, 4, torch.device("cpu"))
    large, small = degrade_crops(sharp, degradation, margin)
    assert large.shape == (4, 2, 3, 32, 32)
    assert small.shape == (4, 1, 3, 24, 24)
    sigma = degradation.parameters[:, 1, 0]
    for views in (large, small):
        assert torch.allclose(views.flatten(1).std(1), sigma, rtol=0.1, atol=0.002)
    assert not torch.equal(large[:, 0, :, :24, :24], small[:, 0])
    assert torch.equal(degrade(sharp[1], degradation, margin=margin, first_view=2), small)
