"""Two-dimensional maps of embeddings, coloured by all that is known of the degradations and by the image."""

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
    ASIDE,
    PER_ROW,
    SIZE,
    SMALL,
    WIDTH,
    head,
    log_ticks,
    look,
    new_figure,
    number,
    plain,
    round_ticks,
    shown,
)

LAYERS = 8  # in which the categories are drawn over each other again and again, so that none hides another
LINE = 0.128  # inches of a line in a legend
MAP = 2.5  # inches of a row of the sheet of one encoder
SMALL_MAP = 1.75  # inches of a row of the sheet of several


def map_sheet(
    points: np.ndarray, colours: ProbeColours, *, encoder: str, method: str, trustworthiness: float
) -> Figure:
    """One map many times: coloured by family, by image and by each parameter.

    Args:
        points: (N, 2).
        colours: of the same samples.
        encoder: its name.
        method: that made the map, such as UMAP.
        trustworthiness: of the map, in [0, 1].

    Raises:
        ValueError: the points are not those of the colours.
    """
    _check(encoder, points, colours)
    kinds, scales = [colours.families(), colours.images()], colours.scales()
    rows = -(-len(scales) // PER_ROW)
    heights = [max(MAP, sum(map(_height, kinds)) + 0.7), *([MAP + 0.3] * rows)]
    figure = new_figure(sum(heights) + 0.5)
    grid = GridSpec(1 + rows, PER_ROW, figure, height_ratios=heights)
    for column, kind in enumerate(kinds):
        _draw(_map_axes(figure, grid[0, column], points, kind.title), points, kind, MAP)
    key = figure.add_subplot(grid[0, 2])
    key.axis("off")
    key.add_artist(_legend(key, kinds[0], WIDTH / PER_ROW - 0.35, title=kinds[0].title))
    _legend(key, kinds[1], WIDTH / PER_ROW - 0.35, title=kinds[1].title, below=_height(kinds[0]) + 0.25)
    for i, scale in enumerate(scales):
        axes = _map_axes(figure, grid[1 + i // PER_ROW, i % PER_ROW], points, scale.title)
        _draw(axes, points, scale, MAP)
        bar = axes.inset_axes((0.02, -0.09, 0.96, 0.03))
        _colour_bar(bar, scale)
    head(
        figure,
        f"{method} map of {shown(encoder, 4)}: {len(points):,} patches, trustworthiness {number(trustworthiness)}\n"
        f"Each dot is one degraded patch, in the same place in every panel{_outside(points, '; ')}.",
    )
    return figure


def encoder_sheet(
    maps: dict[str, np.ndarray], colours: ProbeColours, *, method: str, trustworthiness: dict[str, float]
) -> Figure:
    """The maps of several encoders under each other, coloured by family, two parameters and image.

    The parameters are blur width and noise where they vary, else the first ones.

    Args:
        maps: (N, 2) by the name of the encoder.
        colours: of the samples, the same for all encoders.
        method: that made the maps.
        trustworthiness: by the name of the encoder, in [0, 1].

    Raises:
        ValueError: there is no encoder, or the points are not those of the colours.
    """
    if not maps:
        raise ValueError("a sheet of encoders needs at least one map, got none")
    family, image = colours.families(), colours.images()
    scales = sorted(colours.scales(), key=lambda scale: scale.name not in ("blur_width", "noise"))[:2]
    columns: list[Categories | Scale] = [family, *scales, image]
    height = max(0.6, _height(family), _height(image))
    figure = new_figure(SMALL_MAP * len(maps) + height + 0.6, 0.5 + 1.65 * len(columns))
    grid = GridSpec(len(maps) + 1, len(columns), figure, height_ratios=[SMALL_MAP] * len(maps) + [height])
    for row, (encoder, points) in enumerate(maps.items()):
        _check(encoder, points, colours)
        for column, kind in enumerate(columns):
            axes = _map_axes(figure, grid[row, column], points, "" if row else kind.title)
            _draw(axes, points, kind, SMALL_MAP)
            if column == 0:
                quoted, outside = f"trustworthiness {number(trustworthiness[encoder])}", _outside(points, "\n")
                axes.set_ylabel(f"{_two_lines(encoder)}\n{quoted}{outside}", fontsize=SIZE)
    for column, kind in enumerate(columns):
        key = figure.add_subplot(grid[-1, column])
        key.axis("off")
        if isinstance(kind, Categories):
            _legend(key, kind, figure.get_figwidth() / len(columns) - 0.5)
        else:
            _colour_bar(key.inset_axes((0.04, 1 - 0.1 / height, 0.92, 0.08 / height)), kind)
    head(figure, f"{method} maps of {len(colours.family):,} patches, each dot one; the same patches in every row")
    return figure


def _check(encoder: str, points: np.ndarray, colours: ProbeColours) -> None:
    count = len(colours.family)
    if points.shape != (count, 2):
        raise ValueError(f"the map of {encoder!r} should be ({count}, 2), as there are {count} samples: {points.shape}")


def _map_axes(figure: Figure, cell: SubplotSpec, points: np.ndarray, title: str) -> Axes:
    axes = plain(figure.add_subplot(cell), title)
    middle, half, _ = frame_of(points)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set(xticks=[], yticks=[])
    axes.set_box_aspect(1)  # of equal ranges: distances keep their proportions
    axes.spines[:].set(visible=True, color="0.7", linewidth=0.5)
    return axes


def _outside(points: np.ndarray, before: str) -> str:
    """How many points the frame leaves out, in words; nothing where it holds all."""
    count = frame_of(points)[2]
    return f"{before}{count:,} {'lies' if count == 1 else 'lie'} outside the frame" if count else ""


def _draw(axes: Axes, points: np.ndarray, kind: Categories | Scale, inches: float) -> None:
    """The points, smaller the more there are, so that dense clusters do not fuse."""
    x, y = points.T
    size = 5.2 * inches**2 * (100 / max(len(points), 100)) ** 0.8
    alpha = float(np.clip(0.85 - 0.1 * np.log10(len(points) / 100), 0.5, 0.85))
    if isinstance(kind, Categories):
        for layer in np.array_split(drawing_order(kind.rank), LAYERS):
            for rank in np.unique(kind.rank[layer]):
                rows = layer[kind.rank[layer] == rank]
                colour, marker = look(int(rank))
                axes.scatter(
                    x[rows], y[rows], s=size, c=colour, marker=marker, lw=0, alpha=alpha, rasterized=True,
                    snap=False,  # to whole pixels: a small plus would vanish
                )  # fmt: skip
    else:
        known, colours = kind.known, kind.colours()
        axes.scatter(x[~known], y[~known], s=size, c=ASIDE, lw=0, rasterized=True)
        rows = np.flatnonzero(known)[drawing_order(np.unique(kind.values[known], return_inverse=True)[1])]
        axes.scatter(x[rows], y[rows], s=size, c=colours.to_rgba(kind.values[rows]), lw=0, alpha=alpha, rasterized=True)


def _colour_bar(axes: Axes, scale: Scale) -> None:
    """Makes a colour bar of a small panel."""
    colours = scale.colours()
    bar = axes.figure.colorbar(colours, cax=axes, orientation="horizontal")
    if isinstance(colours.norm, LogNorm):
        log_ticks(axes.xaxis)
    else:
        axes.xaxis.set_major_locator(MultipleLocator(45) if scale.is_direction else round_ticks(4))
    axes.tick_params(labelsize=SMALL, length=2, pad=2)
    axes.xaxis.get_offset_text().set_fontsize(SMALL)
    axes.spines[:].set(linewidth=0.5, edgecolor="0.7")
    bar.set_label(scale.unit, fontsize=SMALL, labelpad=2)


def _height(kind: Categories) -> float:
    """Inches of the legend of some categories."""
    return LINE * (len(kind.names) + (kind.unnamed > 0) + 0.5)


def _legend(axes: Axes, kind: Categories, width: float, title: str = "", below: float = 0) -> Legend:
    """The legend at the upper left of a panel, so many inches below its edge, names as wide as `width` at most."""
    labels = [shown(name, width) for name in kind.names]
    if kind.unnamed:
        labels.append(f"and {kind.unnamed} more")
    place = axes.transAxes + ScaledTranslation(0, -below, axes.figure.dpi_scale_trans)
    return axes.legend(
        [*_handles(kind)], labels, title=title, title_fontsize=SIZE, fontsize=SMALL, frameon=False, alignment="left",
        loc="upper left", bbox_to_anchor=(0, 1), bbox_transform=place, borderpad=0, borderaxespad=0, labelspacing=0.35,
        handletextpad=0.3, handlelength=1.2,
    )  # fmt: skip


def _handles(kind: Categories) -> Iterator[Line2D]:
    for rank in range(len(kind.names)):
        colour, marker = look(rank)
        yield Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4, markeredgewidth=0)
    if kind.unnamed:
        yield Line2D([], [], linestyle="")


def _two_lines(name: str) -> str:
    first = textwrap.wrap(name, 24, break_on_hyphens=False)[0] if name.strip() else ""
    return "\n".join(shown(line, 1.6, SIZE) for line in (first, name.strip()[len(first) :]) if line.strip())
