"""The eight symmetries: their convention, their group, and where they move windows."""

import itertools

import numpy as np
import pytest
import torch

from shared.images import SYMMETRIES, Window, dihedral, dihedral_window, inverse_element

ELEMENTS = range(SYMMETRIES)


def pixels(*shape: int) -> torch.Tensor:
    """An image in which no two values are equal."""
    return torch.arange(int(np.prod(shape))).view(shape)


@pytest.mark.parametrize("element", ELEMENTS)
def test_mirrors_come_before_the_transposition(element):
    image = pixels(2, 4, 6)
    expected = image.numpy().transpose(1, 2, 0)
    expected = np.fliplr(expected) if element & 1 else expected
    expected = np.flipud(expected) if element & 2 else expected
    expected = expected.transpose(1, 0, 2) if element & 4 else expected
    assert np.array_equal(dihedral(image, element).numpy().transpose(1, 2, 0), expected)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3), (2, 5, 3, 4)])
def test_all_eight_differ(shape):
    found = [dihedral(pixels(*shape), element) for element in ELEMENTS]
    assert len({(image.shape, tuple(image.flatten().tolist())) for image in found}) == 8


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 4)])
def test_two_in_succession_are_a_third(shape):
    image = pixels(*shape)
    for first, second in itertools.product(ELEMENTS, ELEMENTS):
        both = dihedral(dihedral(image, first), second)
        assert sum(torch.equal(both, dihedral(image, third)) for third in ELEMENTS) == 1


@pytest.mark.parametrize("element", ELEMENTS)
def test_the_inverse_undoes_an_element_from_either_side(element):
    image = pixels(2, 3, 4)
    assert torch.equal(dihedral(dihedral(image, element), inverse_element(element)), image)
    assert torch.equal(dihedral(dihedral(image, inverse_element(element)), element), image)
    assert inverse_element(inverse_element(element)) == element


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("window", [Window(1, 2, 3, 4), Window(0, 0, 6, 9), Window(5, 8, 1, 1), Window(0, 4, 2, 5)])
def test_a_window_holds_the_same_pixels_under_every_element(element, window):
    image = pixels(2, 6, 9)
    moved = dihedral(image, element)
    found = dihedral_window(window, element, 6, 9)
    assert torch.equal(found.crop(moved), dihedral(window.crop(image), element))
    assert dihedral_window(found, inverse_element(element), *moved.shape[-2:]) == window
