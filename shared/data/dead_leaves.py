"""Dead-leaves images: overlapping textured shapes whose statistics are those of natural images."""

from dataclasses import dataclass

import numpy as np

SUPERSAMPLING = 2  # rendered at twice the size and averaged: edges are one pixel soft
MIN_RADIUS_RANGE = (1.5, 6.0)  # pixels; drawn per image, from crowded, near the limit of anti-aliasing, to calm
MAX_RADIUS = 0.45  # of the shorter side, so that a few leaves are large enough to show their texture
COVERAGE = 3.0  # mean number of leaves over a pixel; about e^-3 = 5 % of the pixels show the background leaf
NOISE_SIDE = 512  # pixels; period of the noise textures
NOISE_SLOPES = (0.6, 1.0, 1.4, 1.8)  # amplitude ~ 1 / frequency^slope, from gritty to cloudy


@dataclass(frozen=True)
class Leaves:
    """Geometry and appearance of N leaves in painting order; leaf 0 is the background.

    All attributes are arrays (N,) if not noted otherwise. Lengths are in rendered pixels, colours in [0, 1]. Shapes:
    0 super-ellipse, 1 regular polygon, 2 wavy outline. Textures: 0 none, 1 waves, 2 stripes, 3 checks, 4 + i noise of
    `NOISE_SLOPES[i]`.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    aspect: np.ndarray
    cos: np.ndarray  # of the rotation
    sin: np.ndarray
    shape: np.ndarray
    order: np.ndarray  # power of a super-ellipse, corners of a polygon, lobes of a wavy outline
    waviness: np.ndarray
    color: np.ndarray  # (N, 3)
    gradient: np.ndarray  # (N, 3)
    bulge: np.ndarray
    texture: np.ndarray
    period: np.ndarray
    phase: np.ndarray
    relief: np.ndarray  # (N, 3), contrast of the texture per channel


def draw_dead_leaves(seed: int, height: int = 320, width: int = 320) -> np.ndarray:
    """Draws one dead-leaves image, always the same for the same arguments.

    Leaves whose radii have the density r^-3 occlude each other, which makes the image scale invariant, with a power
    spectrum near 1 / frequency^2. Every leaf has its own outline, colour gradient, soft shading and texture.

    Args:
        seed: Seed of the image, not negative.
        height: Height in pixels, at least 16.
        width: Width in pixels, at least 16.

    Returns:
        RGB image, (height, width, 3) uint8.

    Raises:
        ValueError: The seed is negative, or a side is shorter than 16 pixels.

    Source: Lee, Mumford and Huang, "Occlusion models for natural images", IJCV 2001; textured leaves as in Madhusudana
    et al., "Revisiting dead leaves model: training with synthetic data", IEEE SPL 2021, with other textures and
    outlines.
    """
    if seed < 0 or min(height, width) < 16:
        raise ValueError(
            f"seed={seed}, height={height}, width={width}: the seed must be 0 or more, both sides 16 or more"
        )
    generator = np.random.default_rng((0xDEAD, seed))
    rows, columns = height * SUPERSAMPLING, width * SUPERSAMPLING
    leaves = _draw_leaves(generator, rows, columns)
    owner = _paint(leaves, rows, columns)
    rendered = _shade(leaves, owner, _draw_noise_fields(generator))
    blocks = rendered.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 3)
    return (blocks.mean(axis=(1, 3)) * 255).round().astype(np.uint8)  # (height, width, 3)


def _draw_leaves(generator: np.random.Generator, rows: int, columns: int) -> Leaves:
    min_radius = np.exp(generator.uniform(*np.log(MIN_RADIUS_RANGE))) * SUPERSAMPLING
    max_radius = max(MAX_RADIUS * min(rows, columns), 2 * min_radius)
    mean_area = 2 * np.pi * min_radius**2 * np.log(max_radius / min_radius)  # of a disk, under the density r^-3
    margin = max_radius / 2
    count = 1 + int(COVERAGE * (rows + 2 * margin) * (columns + 2 * margin) / mean_area)
    uniform = generator.random(count)
    radius = 1 / np.sqrt((1 - uniform) / min_radius**2 + uniform / max_radius**2)  # inverse transform of r^-3
    radius[0] = np.hypot(rows, columns)
    shape = generator.choice(3, size=count, p=(0.5, 0.3, 0.2))
    superellipse_power = generator.choice((2.0, 2.0, 3.0, 10.0, 1.0), size=count)
    corners_or_lobes = generator.integers(3, 8, size=count)
    angle = generator.uniform(0, 2 * np.pi, count)
    texture = generator.choice(8, size=count, p=(0.14, 0.12, 0.08, 0.06, 0.15, 0.15, 0.15, 0.15))
    contrast = np.where(texture < 4, 0.13, 0.09) * generator.lognormal(0, 0.6, count)
    tint = np.array([0.7, 0.7, 0.7]) + generator.normal(0, 0.35, (count, 3))
    min_period = 3 * SUPERSAMPLING  # three pixels of the final image: finer waves would alias
    max_period = np.maximum(radius, 1.5 * min_period)
    return Leaves(
        x=generator.uniform(-margin, columns + margin, count),
        y=generator.uniform(-margin, rows + margin, count),
        radius=radius,
        aspect=np.exp(-np.abs(generator.normal(0, 0.5, count))),
        cos=np.cos(angle),
        sin=np.sin(angle),
        shape=shape,
        order=np.where(shape == 0, superellipse_power, corners_or_lobes),
        waviness=generator.uniform(0.08, 0.35, count),
        color=_draw_colors(generator, count),
        gradient=generator.normal(0, 0.07, (count, 1)) + generator.normal(0, 0.05, (count, 3)),
        bulge=generator.uniform(0, 0.5, count) ** 1.5,
        texture=texture,
        period=min_period * (max_period / min_period) ** generator.uniform(0, 1, count),
        phase=generator.uniform(0, 1, count),
        relief=contrast[:, None] * tint,
    )


def _draw_colors(generator: np.random.Generator, count: int) -> np.ndarray:
    """Draws colours around a few hues, mostly muted, with the spread of lightness of photographs, (count, 3)."""
    hues = generator.uniform(0, 1, 5)
    hue = hues[generator.integers(0, len(hues), count)] + generator.normal(0, 0.05, count)
    saturation = generator.beta(1.6, 3.0, count)
    mean, spread = generator.uniform(0.35, 0.6), generator.uniform(0.12, 0.26)
    lightness = np.clip(generator.normal(mean, spread, count), 0.04, 0.98)
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (hue[:, None] - np.array([0, 1 / 3, 2 / 3])))  # (count, 3)
    return lightness[:, None] * (1 + saturation[:, None] * (wheel - 0.5) * 1.3)


def _paint(leaves: Leaves, rows: int, columns: int) -> np.ndarray:
    """Paints leaf after leaf and returns the index of the visible leaf of every pixel, (rows, columns) int64."""
    owner = np.zeros((rows, columns), dtype=np.int64)
    for leaf in range(1, len(leaves.x)):
        x, y = leaves.x[leaf], leaves.y[leaf]
        reach = 1.5 * leaves.radius[leaf]  # corners and lobes extend to 1.35 times the radius
        top, bottom = max(0, int(y - reach)), min(rows, int(y + reach) + 2)
        left, right = max(0, int(x - reach)), min(columns, int(x + reach) + 2)
        if top >= bottom or left >= right:
            continue
        along, across = _to_leaf_axes(leaves, leaf, np.arange(left, right), np.arange(top, bottom)[:, None])
        is_inside = _contains(leaves, leaf, along, across / leaves.aspect[leaf])
        owner[top:bottom, left:right][is_inside] = leaf
    return owner


def _to_leaf_axes(
    leaves: Leaves, leaf: np.ndarray | int, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Converts pixel positions to coordinates along the axes of a leaf, in rendered pixels from its centre."""
    dx, dy = x - leaves.x[leaf], y - leaves.y[leaf]
    return leaves.cos[leaf] * dx + leaves.sin[leaf] * dy, leaves.cos[leaf] * dy - leaves.sin[leaf] * dx


def _contains(leaves: Leaves, leaf: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Whether each position, along the axes of a leaf, lies within its outline."""
    radius, order = leaves.radius[leaf], leaves.order[leaf]
    if leaves.shape[leaf] == 0:
        return (np.abs(u) / radius) ** order + (np.abs(v) / radius) ** order < 1
    if leaves.shape[leaf] == 1:
        directions = 2 * np.pi * np.arange(order) / order
        apothem = radius * np.cos(np.pi / order)
        return np.all([np.cos(d) * u + np.sin(d) * v < apothem for d in directions], axis=0)
    outline = radius * (1 + leaves.waviness[leaf] * np.cos(order * np.arctan2(v, u)))
    return u**2 + v**2 < outline**2


def _shade(leaves: Leaves, owner: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Colours every pixel by its leaf, (rows, columns, 3) in [0, 1]."""
    rows, columns = owner.shape
    u, v = _to_leaf_axes(leaves, owner, np.arange(columns), np.arange(rows)[:, None])
    radius = leaves.radius[owner]
    texture = _draw_texture(leaves, owner, noise, u, v)
    bulge = 1 - leaves.bulge[owner] * np.minimum((u**2 + v**2) / radius**2, 1.5)
    color = leaves.color[owner] + leaves.gradient[owner] * (u / radius)[..., None]  # (rows, columns, 3)
    color += leaves.relief[owner] * texture[..., None]
    return np.clip(color * bulge[..., None], 0, 1)


def _draw_texture(leaves: Leaves, owner: np.ndarray, noise: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Draws the texture of every pixel, (rows, columns), of about zero mean and unit spread."""
    kind = leaves.texture[owner]
    value = np.zeros(owner.shape)
    phase = leaves.phase[owner]
    frequency = 2 * np.pi / leaves.period[owner]
    for texture in (1, 2, 3):
        here = kind == texture
        waves = np.sin(frequency[here] * u[here] + 2 * np.pi * phase[here])
        if texture == 2:
            waves = np.tanh(4 * waves)
        if texture == 3:
            waves *= 1.5 * np.sin(frequency[here] * v[here])
        value[here] = waves
    here = kind >= 4
    shift = phase[here] * NOISE_SIDE
    row = (u[here] + shift).astype(np.int64) % NOISE_SIDE
    column = (v[here] + 2 * shift).astype(np.int64) % NOISE_SIDE
    value[here] = noise[kind[here] - 4, row, column]
    return value


def _draw_noise_fields(generator: np.random.Generator) -> np.ndarray:
    """Draws periodic noise of zero mean and unit variance, (slopes, NOISE_SIDE, NOISE_SIDE)."""
    frequency = np.hypot(np.fft.fftfreq(NOISE_SIDE)[:, None], np.fft.rfftfreq(NOISE_SIDE))
    frequency[0, 0] = np.inf
    fields = []
    for slope in NOISE_SLOPES:
        white = np.fft.rfft2(generator.standard_normal((NOISE_SIDE, NOISE_SIDE)))
        field = np.fft.irfft2(white / frequency**slope, s=(NOISE_SIDE, NOISE_SIDE))
        fields.append(field / field.std())
    return np.stack(fields)
