"""Descriptions, in words, of the degradation that was estimated from an image."""

DIRECTION_THRESHOLD = 0.5  # log ratio of the widths of a blur, above which its direction is mentioned
JPEG_THRESHOLD = 90  # quality below which JPEG is mentioned


def format_reading(
    *,
    blur_width: float | None = None,
    anisotropy: float = 0.0,
    angle: float | None = None,
    noise: float | None = None,
    jpeg_quality: float = 100.0,
) -> str:
    """Describes an estimated degradation, such as "blur 1.8 px, longer at 30 degrees, noise 4".

    Args:
        blur_width: Geometric mean width of the blur in pixels; None if it was not estimated.
        anisotropy: Log ratio of the widths of the blur.
        angle: Angle of the longer axis in degrees; None if it was not estimated.
        noise: Standard deviation of the noise in 8-bit levels; None if it was not estimated.
        jpeg_quality: JPEG quality, 1..100; 100 for no JPEG.

    Returns:
        The description; empty if there is nothing to mention.
    """
    parts = []
    if blur_width is not None:
        parts.append(f"blur {max(0.0, blur_width):.1f} px")
        if anisotropy > DIRECTION_THRESHOLD and angle is not None:
            parts.append(f"longer at {angle:.0f} degrees")
    if noise is not None:
        parts.append(f"noise {max(0.0, noise):.0f}")
    if jpeg_quality < JPEG_THRESHOLD:
        parts.append(f"JPEG quality {max(1.0, jpeg_quality):.0f}")
    return ", ".join(parts)
