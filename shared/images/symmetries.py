"""The eight symmetries of the square: mirroring and quarter turns, of images and of windows in them."""

from torch import Tensor

from shared.images.windows import Window

SYMMETRIES = 8
MIRROR_LEFT_RIGHT, MIRROR_TOP_BOTTOM, TRANSPOSE = 1, 2, 4  # bits of an element; the mirrors come first


def dihedral(images: Tensor, element: int) -> Tensor:
    """Mirrors images, then swaps their rows and columns, as the bits of the element say.

    Args:
        images: (..., H, W).
        element: one of the 8 symmetries, 0..7: bit 0 mirrors left and right, bit 1 top and bottom, then bit 2 swaps
            rows and columns.

    Returns:
        (..., H, W), or (..., W, H) for an element with bit 2: a copy, contiguous only without bit 2.
    """
    mirrored = images.flip([axis for axis, bit in ((-1, 1), (-2, 2)) if element & bit])
    return mirrored.transpose(-1, -2) if element & TRANSPOSE else mirrored


def inverse(element: int) -> int:
    """The element that undoes another; a mirror moved past the transposition becomes the other mirror."""
    if not element & TRANSPOSE:
        return element
    return TRANSPOSE | (element & MIRROR_LEFT_RIGHT) << 1 | (element & MIRROR_TOP_BOTTOM) >> 1


def dihedral_window(window: Window, element: int, height: int, width: int) -> Window:
    """Locates a window of an image in the image under a symmetry.

    Args:
        window: a part of the image as it was.
        element: the symmetry, see `dihedral`.
        height, width: sides in pixels of the image as it was.

    Returns:
        The window whose pixels in `dihedral(image, element)` are those of `window` in the image, under the symmetry.
    """
    top, left = window.top, window.left
    if element & MIRROR_LEFT_RIGHT:
        left = width - left - window.width
    if element & MIRROR_TOP_BOTTOM:
        top = height - top - window.height
    if element & TRANSPOSE:
        return Window(left, top, window.width, window.height)
    return Window(top, left, window.height, window.width)
