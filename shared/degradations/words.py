"""What was read off an image, in words."""

DIRECTED = 0.5  # log ratio of the widths of a blur from which its direction is told
VISIBLE_JPEG = 90  # quality below which it is told


def reading_in_words(
    *, blur_width: float | None = None, anisotropy: float = 0.0, angle: float | None = None,
    noise: float | None = None, jpeg_quality: float = 100.0,
) -> str:  # fmt: skip
    """Such as "blur 1.8 px, longer at 30 degrees, noise 4"; empty where nothing was read.

    Args:
        blur_width: geometric mean width in pixels.
        anisotropy: log ratio of the widths.
        angle: degrees of the longer axis.
        noise: in 8-bit levels.
        jpeg_quality: 100 for none.
    """
    words = []
    if blur_width is not None:
        words.append(f"blur {max(0.0, blur_width):.1f} px")
        if anisotropy > DIRECTED and angle is not None:
            words.append(f"longer at {angle:.0f} degrees")
    if noise is not None:
        words.append(f"noise {max(0.0, noise):.0f}")
    if jpeg_quality < VISIBLE_JPEG:
        words.append(f"JPEG quality {max(1.0, jpeg_quality):.0f}")
    return ", ".join(words)
