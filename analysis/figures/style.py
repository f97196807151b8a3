"""What all printed plots share: width, colours, words for scores and parameters, and files that can be compared."""

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
SIZE = 7.0  # points, of titles and labels
SMALL = 6.5  # points, of tick labels and legends
MINUS = "\N{MINUS SIGN}"
PER_ROW = 3  # panels
PNG_DPI = 150
SVG_DPI = 300  # of the clouds of points inside an SVG
ASIDE = "0.85"  # gray of what a plot leaves aside

# Okabe and Ito's colours, told apart by the colour-blind; dark red for their yellow, which paper swallows (it lies
# further from the others than they from each other, also for the three kinds of colour-blindness: CIELAB, >= 30)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f0000")
# as many as have no common divisor with the colours: 56 pairs before one comes again; all are on the page too
MARKERS = "os^Dv*P"

SCORES = {
    "knn_accuracy": "kNN accuracy", "nmi": "NMI", "ari": "ARI", "map": "mean average precision",
    "content_knn": "content kNN", "content_accuracy": "content kNN",
}  # fmt: skip
# name of a parameter, or of what a probe reads -> its words and unit
PARAMETERS = {
    "blur_width": ("blur width", "px"), "log_sigma": ("blur width", "px"),
    "anisotropy": ("anisotropy", "log ratio of the widths"), "angle": ("direction", "degrees"),
    "noise": ("noise", "8-bit levels"), "noise_sigma": ("noise", "8-bit levels"),
    "jpeg_quality": ("JPEG quality", "100: uncompressed"),
}  # fmt: skip

_saving = Lock()


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure that lays itself out; sides in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.02)  # type: ignore[call-arg]
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes `<stem>.png` and `<stem>.svg`; the same figure gives the same bytes.

    Returns:
        The two files.

    Raises:
        OSError: the folder is not there or cannot be written.
    """
    written = []
    with _saving, matplotlib.rc_context({"svg.hashsalt": "unblind"}):  # the settings are the whole process's
        for suffix, dpi, unset in (("png", PNG_DPI, "Software"), ("svg", SVG_DPI, "Date")):
            data = io.BytesIO()
            figure.savefig(data, format=suffix, dpi=dpi, facecolor="white", metadata={unset: None})
            written.append(stem.with_name(f"{stem.name}.{suffix}"))
            write_atomically(written[-1], data.getvalue())
    return written


def head(figure: Figure, text: str) -> None:
    """Writes a title over a figure, wrapped to its width."""
    size, width = SIZE + 0.5, figure.get_figwidth() - 0.2
    lines = [wrapped for line in text.split("\n") for wrapped in _wrapped(line, width, size)]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=size, linespacing=1.3)


def _wrapped(line: str, inches: float, size: float) -> list[str]:
    lines = [""]
    for word in line.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and _inches(longer, size) > inches:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def plain(axes: Axes, title: str = "", *, grid: str = "") -> Axes:
    """Sets the style of a panel: small type, no box, a faint grid along `x`, `y` or `both` or none."""
    axes.set_title(title, fontsize=SIZE, loc="left", pad=4)
    axes.tick_params(labelsize=SMALL, length=2, pad=2)
    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set_fontsize(SMALL)
    if grid:
        axes.grid(axis=grid, color="0.9", linewidth=0.5)  # type: ignore[arg-type]
        axes.set_axisbelow(True)
    return axes


def no_values(axes: Axes) -> None:
    """Says that a panel has nothing to draw."""
    axes.text(0.5, 0.5, "no values", size=SMALL, ha="center", color="0.4", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])


def number(value: float) -> str:
    """Two decimals, or that there is no value."""
    if math.isnan(value):
        return "not defined"
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)  # + 0.0 for the sign of -0.00


def round_ticks(most: int) -> MaxNLocator:
    """At most that many intervals between ticks, of 1, 2 or 5 times a power of ten."""
    return MaxNLocator(most, steps=[1, 2, 5, 10])


def log_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis, written out, as many as fit; its limits are set before."""
    low, high = sorted(axis.get_view_interval())
    if high < 4 * low:
        axis.set_major_locator(round_ticks(4))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high < 30 * low else LogLocator(numticks=5))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def score_words(name: str) -> str:
    """What to call a score in print, by its name in tables or in training logs."""
    name = name.removeprefix("probe/")
    if name[:3] in ("r2/", "r2_"):
        return f"R² {parameter_words(name[3:])[0]}"
    return SCORES.get(name, shown(name.replace("_", " "), 1.6))


def parameter_words(name: str) -> tuple[str, str]:
    """What to call a parameter in print, and its unit."""
    return PARAMETERS.get(name, (shown(name.replace("_", " "), 1.2), ""))


def shown(name: str, inches: float = 2.0, size: float = SMALL) -> str:
    """A name as one line of at most `inches`, the middle left out where it is longer; never read as a formula."""
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


def longest(names: list[str], size: float = SMALL) -> float:
    """Width in inches of the longest of some names as `shown`; 0 without any."""
    return max((_inches(name.replace(r"\$", "$"), size) for name in names), default=0.0)


def look(index: int) -> tuple[str, str]:
    """Colour and marker of a category or an encoder."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def sequential() -> Colormap:
    """From dark to bright, the same in gray; without the end that white paper swallows."""
    colours = matplotlib.colormaps["viridis"](range(0, 236))
    return LinearSegmentedColormap.from_list("sequential", colours)


def cyclic() -> Colormap:
    """For directions: bright, blue, dark, red and bright again; the colour-blind see four quarters too."""
    return LinearSegmentedColormap.from_list("cyclic", ["#e8b93a", "#3b8fb5", "#1b1035", "#b0243a", "#e8b93a"])


def panels(count: int, height: float, heading: float = 0.5) -> tuple[Figure, list[Axes]]:
    """A figure of that many panels of a height in inches, three in a row."""
    rows = -(-count // PER_ROW)
    figure = new_figure(rows * height + heading)
    grid = GridSpec(rows, PER_ROW, figure)
    return figure, [figure.add_subplot(grid[divmod(i, PER_ROW)]) for i in range(count)]
