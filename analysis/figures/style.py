"""The common style of all printed figures: sizes, colours, labels of scores and parameters, reproducible files."""

import io
import math
from functools import cache
from pathlib import Path
from threading import Lock

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.gridspec import GridSpec
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from shared.files import write_atomically

WIDTH = 7.1  # inches: A4 with margins of 15 mm
FONT_SIZE = 7.0  # points, of titles and labels
SMALL_FONT_SIZE = 6.5  # points, of tick labels and legends
MINUS = "\N{MINUS SIGN}"
PANELS_PER_ROW = 3
PNG_DPI = 150
SVG_DPI = 300  # of the rasterised points inside an SVG
NO_VALUE_GRAY = "0.85"  # of samples for which a parameter is not defined

# The colour-blind safe palette of Okabe and Ito, with dark red in place of yellow, which is too pale on paper. The dark
# red is at least 30 from every other colour in CIELAB, for the three kinds of colour blindness too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f0000")
# seven markers and eight colours have no common divisor: 56 different pairs; the page has all of these markers too
MARKERS = "os^Dv*P"

SCORE_LABELS = {
    "knn_accuracy": "kNN accuracy",
    "nmi": "NMI",
    "ari": "ARI",
    "map": "mAP",
    "content_knn": "content kNN",
    "content_accuracy": "content kNN",
    "degradation_first": "degradation over content",
    "family_accuracy": "kind",
}
# label and unit of a parameter, or of the target of a probe
PARAMETER_LABELS = {
    "blur_width": ("blur width", "px"),
    "log_sigma": ("blur width", "px"),
    "anisotropy": ("anisotropy", "log ratio of the widths"),
    "angle": ("angle", "degrees"),
    "noise": ("noise", "8-bit levels"),
    "noise_sigma": ("noise", "8-bit levels"),
    "jpeg_quality": ("JPEG quality", "100: uncompressed"),
}

_save_lock = Lock()


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Makes an empty figure with automatic layout; `height` and `width` are in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.02)  # type: ignore[call-arg]
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes `<stem>.png` and `<stem>.svg`; the same figure gives the same bytes.

    Args:
        figure: Figure to save.
        stem: Path of the files without their suffix.

    Returns:
        Paths of the two files.

    Raises:
        OSError: The folder does not exist or cannot be written.
    """
    written = []
    with _save_lock, matplotlib.rc_context({"svg.hashsalt": "unblind"}):  # these settings are global to the process
        for suffix, dpi, omitted in (("png", PNG_DPI, "Software"), ("svg", SVG_DPI, "Date")):
            data = io.BytesIO()
            figure.savefig(data, format=suffix, dpi=dpi, facecolor="white", metadata={omitted: None})
            written.append(stem.with_name(f"{stem.name}.{suffix}"))
            write_atomically(written[-1], data.getvalue())
    return written


def add_heading(figure: Figure, text: str) -> None:
    """Writes a heading above the panels of a figure, wrapped to its width."""
    size, width = FONT_SIZE + 0.5, figure.get_figwidth() - 0.2
    lines = [part for line in text.split("\n") for part in _wrap(line, width, size)]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=size, linespacing=1.3)


def _wrap(line: str, inches: float, size: float) -> list[str]:
    lines = [""]
    for word in line.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and _inches(longer, size) > inches:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def style_axes(axes: Axes, title: str = "", *, grid: str = "") -> Axes:
    """Sets the style of a panel: small type, no frame, and a faint grid.

    Args:
        axes: Panel to style.
        title: Title of the panel.
        grid: Axis of the grid lines: `x`, `y`, `both`, or empty for none.

    Returns:
        The same panel.
    """
    axes.set_title(title, fontsize=FONT_SIZE, loc="left", pad=4)
    axes.tick_params(labelsize=SMALL_FONT_SIZE, length=2, pad=2)
    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set_fontsize(SMALL_FONT_SIZE)
    if grid:
        axes.grid(axis=grid, color="0.9", linewidth=0.5)  # type: ignore[arg-type]
        axes.set_axisbelow(True)
    return axes


def mark_empty(axes: Axes) -> None:
    """Writes "no values" into a panel that has nothing to draw."""
    axes.text(0.5, 0.5, "no values", size=SMALL_FONT_SIZE, ha="center", color="0.4", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])


def format_number(value: float) -> str:
    """Formats a score to two decimals; NaN as "not defined"."""
    if math.isnan(value):
        return "not defined"
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)  # + 0.0 for the sign of -0.00


def round_ticks(max_intervals: int) -> MaxNLocator:
    """Makes a locator of ticks at 1, 2 or 5 times a power of ten apart, with at most `max_intervals` intervals."""
    return MaxNLocator(max_intervals, steps=[1, 2, 5, 10])


def set_log_ticks(axis: Axis) -> None:
    """Sets plain-number ticks on a logarithmic axis, as many as fit; the limits must be set before."""
    low, high = sorted(axis.get_view_interval())
    if high < 4 * low:
        axis.set_major_locator(round_ticks(4))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high < 30 * low else LogLocator(numticks=5))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def score_label(name: str) -> str:
    """Returns the label of a score, given its name in tables or in training logs."""
    name = name.removeprefix("probe/")
    if name[:3] in ("r2/", "r2_"):
        return f"R² {parameter_label(name[3:])[0]}"
    return SCORE_LABELS.get(name, shorten(name.replace("_", " "), 1.6))


def parameter_label(name: str) -> tuple[str, str]:
    """Returns the label of a parameter, and its unit."""
    return PARAMETER_LABELS.get(name, (shorten(name.replace("_", " "), 1.2), ""))


def shorten(name: str, inches: float = 2.0, size: float = SMALL_FONT_SIZE) -> str:
    """Fits a name into one line of at most `inches` by omitting its middle; escapes it, so that it is no formula."""
    name = " ".join(name.split())
    kept = name
    for count in range(min(len(name), 99), 1, -1):  # characters that are left
        kept = name if count == len(name) else f"{name[: count // 2]}…{name[len(name) - (count - 1) // 2 :]}"
        if _inches(kept, size) <= inches:
            break
    return kept.replace("$", r"\$")


@cache
def _inches(text: str, size: float) -> float:
    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), False)
    return width / 72


def max_width(names: list[str], size: float = SMALL_FONT_SIZE) -> float:
    """Returns the width in inches of the longest name, each as `shorten` returns it; 0 if there are none."""
    return max((_inches(name.replace(r"\$", "$"), size) for name in names), default=0.0)


def colour_and_marker(index: int) -> tuple[str, str]:
    """Returns the colour and the marker of the `index`-th category or encoder."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def sequential_colormap() -> Colormap:
    """Makes a colour map from dark to bright, also in gray scale, without the end that is too pale on white paper."""
    colours = matplotlib.colormaps["viridis"](range(0, 236))
    return LinearSegmentedColormap.from_list("sequential", colours)


def cyclic_colormap() -> Colormap:
    """Makes a cyclic colour map for angles: yellow, blue, dark, red, yellow; colour-blind safe in its four quarters."""
    return LinearSegmentedColormap.from_list("cyclic", ["#e8b93a", "#3b8fb5", "#1b1035", "#b0243a", "#e8b93a"])


def new_panels(count: int, height: float, heading: float = 0.5) -> tuple[Figure, list[Axes]]:
    """Makes a figure with a grid of panels.

    Args:
        count: Number of panels.
        height: Height of a panel in inches.
        heading: Height of the heading in inches.

    Returns:
        The figure and its panels, row by row.
    """
    rows = -(-count // PANELS_PER_ROW)
    figure = new_figure(rows * height + heading)
    grid = GridSpec(rows, PANELS_PER_ROW, figure)
    return figure, [figure.add_subplot(grid[divmod(i, PANELS_PER_ROW)]) for i in range(count)]
