"""The eight symmetries of the square: mirroring and quarter turns, of images and of windows in them."""

from torch import Tensor

from shared.images.windows import Window

SYMMETRIES = 8
MIRROR_LEFT_RIGHT, MIRROR_TOP_BOTTOM, TRANSPOSE = 1, 2, 4  # bits of an element; images are mirrored first


def dihedral(images: Tensor, element: int) -> Tensor:
    """Applies a symmetry of the square to images.

    Args:
        images: Images, (..., H, W).
        element: One of the 8 symmetries, 0..7: bit 0 mirrors left and right, bit 1 top and bottom, then bit 2 swaps
            rows and columns.

    Returns:
        A copy, (..., H, W) and contiguous, or (..., W, H) and not contiguous if bit 2 is set.
    """
    mirrored = images.flip([axis for axis, bit in ((-1, 1), (-2, 2)) if element & bit])
    return mirrored.transpose(-1, -2) if element & TRANSPOSE else mirrored


def inverse_element(element: int) -> int:
    """Returns the symmetry, 0..7, that undoes another."""
    # the mirrors of the inverse come before its transposition, which turns each into the other
    if not element & TRANSPOSE:
        return element
    return TRANSPOSE | (element & MIRROR_LEFT_RIGHT) << 1 | (element & MIRROR_TOP_BOTTOM) >> 1


def dihedral_window(window: Window, element: int, height: int, width: int) -> Window:
    """Finds the window that shows the same pixels after a symmetry was applied to the image.

    Args:
        window: Window of the original image.
        element: The symmetry, 0..7, see `dihedral`.
        height, width: Size of the original image in pixels.

    Returns:
        The window of `dihedral(image, element)` that holds the pixels of `window`.
    """
    top, left = window.top, window.left
    if element & MIRROR_LEFT_RIGHT:
        left = width - left - window.width
    if element & MIRROR_TOP_BOTTOM:
        top = height - top - window.height
    if element & TRANSPOSE:
        return Window(left, top, window.width, window.height)
    return Window(top, left, window.height, window.width)
