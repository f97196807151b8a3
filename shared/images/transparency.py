"""Transparency, laid over a background where it cannot be kept."""

import numpy as np

BACKGROUND = 128  # of 255; hides neither black nor white drawings and adds the weakest artificial edges


def composite_over_gray(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lays colours over mid-gray as opaque as their alpha says.

    Args:
        colours: (H, W, C) uint8 or uint16, not multiplied by alpha.
        alpha: (H, W, 1) of the same type; its largest value is opaque.

    Returns:
        Opaque colours, (H, W, C) of the same type.
    """
    largest = np.iinfo(colours.dtype).max
    opacity = alpha.astype(np.float32) / largest
    background = BACKGROUND * (largest // 255)
    return (colours * opacity + background * (1 - opacity)).round().astype(colours.dtype)
