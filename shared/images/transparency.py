"""Compositing of transparent images over a background."""

import numpy as np

BACKGROUND = 128  # of 255; hides neither black nor white drawings, and its artificial edges are the weakest


def composite_over_gray(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Composites colours over mid-gray.

    Args:
        colours: Colours, (H, W, C) uint8 or uint16, not premultiplied by alpha.
        alpha: Opacity, (H, W, 1) of the same type; the largest value of the type is opaque.

    Returns:
        Opaque colours, (H, W, C) of the same type.
    """
    largest = np.iinfo(colours.dtype).max
    opacity = alpha.astype(np.float32) / largest
    background = BACKGROUND * (largest // 255)
    return (colours * opacity + background * (1 - opacity)).round().astype(colours.dtype)
