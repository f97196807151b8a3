"""Figures of two-dimensional maps of embeddings, coloured by the degradations' families and parameters and by image."""

import textwrap
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator
from matplotlib.transforms import ScaledTranslation

from analysis.embedding.projection import frame_of
from analysis.figures.map_colours import Categories, ProbeColours, Scale, drawing_order
from analysis.figures.style import (
    FONT_SIZE,
    NO_VALUE_GRAY,
    PANELS_PER_ROW,
    SMALL_FONT_SIZE,
    WIDTH,
    add_heading,
    colour_and_marker,
    format_number,
    new_figure,
    round_ticks,
    set_log_ticks,
    shorten,
    style_axes,
)

LAYERS = 8  # rounds in which the categories are drawn over each other in turn, so that none hides another
LINE_HEIGHT = 0.128  # inches, in a legend
MAP_SIDE = 2.5  # inches, on the sheet of one encoder
SMALL_MAP_SIDE = 1.75  # inches, on the sheet of several


def map_sheet(
    points: np.ndarray, colours: ProbeColours, *, encoder: str, method: str, trustworthiness: float
) -> Figure:
    """Draws one map in several panels, coloured by family, by image and by each parameter.

    Args:
        points: Points of the map, (N, 2).
        colours: Families, images and parameters of the same samples.
        encoder: Name of the encoder.
        method: Method of the map, such as UMAP.
        trustworthiness: Trustworthiness of the map, in [0, 1].

    Returns:
        The figure.

    Raises:
        ValueError: The map and the colours have different numbers of samples.
    """
    _check(encoder, points, colours)
    kinds, scales = [colours.families(), colours.images()], colours.scales()
    rows = -(-len(scales) // PANELS_PER_ROW)
    heights = [max(MAP_SIDE, sum(map(_legend_height, kinds)) + 0.7), *([MAP_SIDE + 0.3] * rows)]
    figure = new_figure(sum(heights) + 0.5)
    grid = GridSpec(1 + rows, PANELS_PER_ROW, figure, height_ratios=heights)
    for column, kind in enumerate(kinds):
        _draw(_map_axes(figure, grid[0, column], points, kind.title), points, kind, MAP_SIDE)
    key = figure.add_subplot(grid[0, 2])
    key.axis("off")
    key.add_artist(_legend(key, kinds[0], WIDTH / PANELS_PER_ROW - 0.35, title=kinds[0].title))
    _legend(key, kinds[1], WIDTH / PANELS_PER_ROW - 0.35, title=kinds[1].title, below=_legend_height(kinds[0]) + 0.25)
    for i, scale in enumerate(scales):
        axes = _map_axes(figure, grid[1 + i // PANELS_PER_ROW, i % PANELS_PER_ROW], points, scale.title)
        _draw(axes, points, scale, MAP_SIDE)
        bar = axes.inset_axes((0.02, -0.09, 0.96, 0.03))
        _colour_bar(bar, scale)
    quality = f"trustworthiness {format_number(trustworthiness)}"
    add_heading(
        figure,
        f"{method} of {shorten(encoder, 4)}: {len(points):,} patches, {quality}\n"
        f"Each point is one degraded patch, at the same position in every panel{_outside(points, '; ')}.",
    )
    return figure


def encoder_sheet(
    maps: dict[str, np.ndarray], colours: ProbeColours, *, method: str, trustworthiness: dict[str, float]
) -> Figure:
    """Draws the maps of several encoders, one row each, coloured by family, two parameters and image.

    The parameters are blur width and noise where they vary, otherwise the first ones.

    Args:
        maps: Points of the map, (N, 2), by the name of the encoder.
        colours: Families, images and parameters of the samples, which are the same for all encoders.
        method: Method of the maps, such as UMAP.
        trustworthiness: Trustworthiness of the map in [0, 1], by the name of the encoder.

    Returns:
        The figure.

    Raises:
        ValueError: There is no encoder, or a map and the colours have different numbers of samples.
    """
    if not maps:
        raise ValueError("a sheet of encoders needs at least one map, got none")
    family, image = colours.families(), colours.images()
    scales = sorted(colours.scales(), key=lambda scale: scale.name not in ("blur_width", "noise"))[:2]
    columns: list[Categories | Scale] = [family, *scales, image]
    height = max(0.6, _legend_height(family), _legend_height(image))
    figure = new_figure(SMALL_MAP_SIDE * len(maps) + height + 0.6, 0.5 + 1.65 * len(columns))
    grid = GridSpec(len(maps) + 1, len(columns), figure, height_ratios=[SMALL_MAP_SIDE] * len(maps) + [height])
    for row, (encoder, points) in enumerate(maps.items()):
        _check(encoder, points, colours)
        for column, kind in enumerate(columns):
            axes = _map_axes(figure, grid[row, column], points, "" if row else kind.title)
            _draw(axes, points, kind, SMALL_MAP_SIDE)
            if column == 0:
                quality, outside = f"trustworthiness {format_number(trustworthiness[encoder])}", _outside(points, "\n")
                axes.set_ylabel(f"{_split_in_two_lines(encoder)}\n{quality}{outside}", fontsize=FONT_SIZE)
    for column, kind in enumerate(columns):
        key = figure.add_subplot(grid[-1, column])
        key.axis("off")
        if isinstance(kind, Categories):
            _legend(key, kind, figure.get_figwidth() / len(columns) - 0.5)
        else:
            _colour_bar(key.inset_axes((0.04, 1 - 0.1 / height, 0.92, 0.08 / height)), kind)
    add_heading(
        figure, f"{method} of {len(colours.family):,} degraded patches, one point each; the same patches in every row"
    )
    return figure


def _check(encoder: str, points: np.ndarray, colours: ProbeColours) -> None:
    count = len(colours.family)
    if points.shape != (count, 2):
        raise ValueError(f"the map of {encoder!r} must be ({count}, 2), one point per sample, got {points.shape}")


def _map_axes(figure: Figure, cell: SubplotSpec, points: np.ndarray, title: str) -> Axes:
    axes = style_axes(figure.add_subplot(cell), title)
    centre, half, _ = frame_of(points)
    axes.set_xlim(centre[0] - half, centre[0] + half)
    axes.set_ylim(centre[1] - half, centre[1] + half)
    axes.set(xticks=[], yticks=[])
    axes.set_box_aspect(1)  # both axes have the same range: distances keep their proportions
    axes.spines[:].set(visible=True, color="0.7", linewidth=0.5)
    return axes


def _outside(points: np.ndarray, before: str) -> str:
    """Writes how many points are outside the frame, after the text `before`; empty where there are none."""
    count = frame_of(points)[2]
    return f"{before}{count:,} {'point is' if count == 1 else 'points are'} outside the frame" if count else ""


def _draw(axes: Axes, points: np.ndarray, kind: Categories | Scale, inches: float) -> None:
    """Draws the points; the more there are, the smaller, so that dense clusters do not merge."""
    x, y = points.T
    size = 5.2 * inches**2 * (100 / max(len(points), 100)) ** 0.8
    alpha = float(np.clip(0.85 - 0.1 * np.log10(len(points) / 100), 0.5, 0.85))
    if isinstance(kind, Categories):
        for layer in np.array_split(drawing_order(kind.rank), LAYERS):
            for rank in np.unique(kind.rank[layer]):
                rows = layer[kind.rank[layer] == rank]
                colour, marker = colour_and_marker(int(rank))
                axes.scatter(
                    x[rows],
                    y[rows],
                    s=size,
                    c=colour,
                    marker=marker,
                    lw=0,
                    alpha=alpha,
                    rasterized=True,
                    snap=False,  # snapping to whole pixels would make small plus signs vanish
                )
    else:
        known, colours = kind.known, kind.colours()
        axes.scatter(x[~known], y[~known], s=size, c=NO_VALUE_GRAY, lw=0, rasterized=True)
        rows = np.flatnonzero(known)[drawing_order(np.unique(kind.values[known], return_inverse=True)[1])]
        axes.scatter(x[rows], y[rows], s=size, c=colours.to_rgba(kind.values[rows]), lw=0, alpha=alpha, rasterized=True)


def _colour_bar(axes: Axes, scale: Scale) -> None:
    """Turns a small panel into a colour bar."""
    colours = scale.colours()
    bar = axes.figure.colorbar(colours, cax=axes, orientation="horizontal")
    if isinstance(colours.norm, LogNorm):
        set_log_ticks(axes.xaxis)
    else:
        axes.xaxis.set_major_locator(MultipleLocator(45) if scale.is_angle else round_ticks(4))
    axes.tick_params(labelsize=SMALL_FONT_SIZE, length=2, pad=2)
    axes.xaxis.get_offset_text().set_fontsize(SMALL_FONT_SIZE)
    axes.spines[:].set(linewidth=0.5, edgecolor="0.7")
    bar.set_label(scale.unit, fontsize=SMALL_FONT_SIZE, labelpad=2)


def _legend_height(kind: Categories) -> float:
    """Height in inches of the legend of these categories."""
    return LINE_HEIGHT * (len(kind.names) + (kind.unnamed > 0) + 0.5)


def _legend(axes: Axes, kind: Categories, width: float, title: str = "", below: float = 0) -> Legend:
    """Adds a legend at the upper left of a panel.

    Args:
        axes: Panel of the legend.
        kind: Categories to list.
        width: Maximum width of a name in inches.
        title: Title of the legend.
        below: Distance in inches below the upper edge of the panel.
    """
    labels = [shorten(name, width) for name in kind.names]
    if kind.unnamed:
        labels.append(f"and {kind.unnamed} more")
    anchor = axes.transAxes + ScaledTranslation(0, -below, axes.figure.dpi_scale_trans)
    return axes.legend(
        [*_handles(kind)],
        labels,
        title=title,
        title_fontsize=FONT_SIZE,
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(0, 1),
        bbox_transform=anchor,
        borderpad=0,
        borderaxespad=0,
        labelspacing=0.35,
        handletextpad=0.3,
        handlelength=1.2,
    )


def _handles(kind: Categories) -> Iterator[Line2D]:
    for rank in range(len(kind.names)):
        colour, marker = colour_and_marker(rank)
        yield Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4, markeredgewidth=0)
    if kind.unnamed:
        yield Line2D([], [], linestyle="")


def _split_in_two_lines(name: str) -> str:
    first = textwrap.wrap(name, 24, break_on_hyphens=False)[0] if name.strip() else ""
    return "\n".join(shorten(line, 1.6, FONT_SIZE) for line in (first, name.strip()[len(first) :]) if line.strip())
