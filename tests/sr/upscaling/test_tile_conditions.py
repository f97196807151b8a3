"""Views of an image under the symmetries; the conditions are tested with the tiles in `test_tiled*.py`."""

import pytest
import torch

from shared.images import Window, dihedral, inverse_element
from sr.upscaling.tile_conditions import ImageView


@pytest.mark.parametrize("element", range(8))
def test_windows_of_a_view(element):
    image = torch.rand(3, 20, 30)
    view, turned = ImageView(image, element), dihedral(image, element)
    assert (view.height, view.width) == turned.shape[1:]
    assert torch.equal(view.cut(view.whole)[0], turned)
    window = Window(3, 5, 7, 11)
    assert torch.equal(dihedral(view.cut(view.locate(window))[0], inverse_element(element)), window.crop(image))
    inside = Window(2, 4, 9, 6)
    assert torch.equal(view.cut(inside)[0], inside.crop(turned))
    assert torch.equal(view.under(0).cut(window)[0], window.crop(image))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_a_view_of_gray_levels_is_cut_as_rgb(dtype):
    largest = torch.iinfo(dtype).max
    levels = torch.arange(20 * 30).view(1, 20, 30).remainder(251).to(dtype)
    levels[0, 0, 0] = largest
    cut = ImageView(levels).cut(Window(0, 0, 20, 30))
    assert cut.shape == (1, 3, 20, 30)
    assert cut.dtype == torch.float32
    assert cut.max() == 1
    torch.testing.assert_close(cut[0, 2] * largest, levels[0].float())
