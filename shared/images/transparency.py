"""Transparent images: compositing over a background, and the colours of pixels that nobody sees."""

import numpy as np

from shared.images.opencv import load_opencv

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


def fill_hidden_colours(pixels: np.ndarray) -> np.ndarray:
    """Gives each fully transparent pixel the colour of the nearest pixel that is not.

    Otherwise an operation on the colours mixes hidden ones, often black, into the edge of what is seen.

    Args:
        pixels: Gray and alpha or RGBA, (H, W, 2 or 4) uint8 or uint16.

    Returns:
        Image of the same shape and type; the image itself if no pixel, or each, is hidden.
    """
    hidden = pixels[..., -1] == 0
    if not hidden.any() or hidden.all():
        return pixels
    cv2 = load_opencv()
    _, nearest = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )  # (H, W), the number of the nearest visible pixel
    colour_of = np.empty((int(nearest.max()) + 1, pixels.shape[2] - 1), pixels.dtype)
    colour_of[nearest[~hidden]] = pixels[~hidden][:, :-1]
    filled = pixels.copy()
    filled[hidden, :-1] = colour_of[nearest[hidden]]
    return filled
