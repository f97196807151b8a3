"""The interactive page: maps of an embedding whose patches can be viewed, filtered and selected."""

import base64
import html
import json
import math
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.map_colours import rank_categories
from analysis.figures.style import PARAMETER_LABELS, colour_and_marker, cyclic_colormap
from analysis.page.data import PageData, check
from shared.files import lend_home, write_atomically
from shared.images import LOSSLESS_WEBP

if TYPE_CHECKING:
    from bokeh.plotting import figure

FOLDER = Path(__file__).parent
MAX_POINTS = 5000  # the map still responds smoothly, and the page has about 30 MB
SEED = 0  # of the sample of more points
FRAME_SIDE = 600  # of the map, in screen pixels
SIGNIFICANT_DIGITS = 5  # of a number on the page
DECIMALS = 9  # of a parameter: the rounding error of a difference of equal logarithms becomes 0
PERIODS = {"angle": 180.0}  # degrees, of the cyclic parameters
# Bokeh's names of the figures' markers
MARKER_NAMES = {
    "o": "circle",
    "s": "square",
    "^": "triangle",
    "D": "diamond",
    "v": "inverted_triangle",
    "*": "star",
    "P": "plus",
}


def write_page(path: Path, data: PageData) -> None:
    """Writes a self-contained HTML file, which needs neither a server nor a network.

    Of more than `MAX_POINTS` patches it shows a sample, drawn evenly over degradations, families and images.

    Args:
        path: Path of the file in an existing folder.
        data: Contents of the page.

    Raises:
        ValueError: The contents are inconsistent, see `check`.
        OSError: The file cannot be written.
    """
    with lend_home():  # bokeh asks for it when it is imported
        from bokeh.embed import json_item
        from bokeh.resources import Resources

    check(data)
    rows = sample_evenly(data, MAX_POINTS)
    template = Template((FOLDER / "template.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=html.escape(data.title),
        contents=html.escape(_summarize(data, len(rows))),
        bokeh=Resources(mode="inline", components=["bokeh"], log_level="warn").render_js(),
        figure=_json(json_item(_figure(len(rows)))),
        data=_json(_page_data(data, rows)),
        map_script=(FOLDER / "map.js").read_text(encoding="utf-8"),
        selection_script=(FOLDER / "selection.js").read_text(encoding="utf-8"),
    )
    write_atomically(path, page.encode(errors="backslashreplace"))


def sample_evenly(data: PageData, max_count: int) -> np.ndarray:
    """Draws a seeded sample, stratified by listed degradation, within it by family, and within that by image.

    Args:
        data: Contents of the page.
        max_count: Size of the sample.

    Returns:
        Ascending rows, (min(max_count, N),).
    """
    if len(data) <= max_count:
        return np.arange(len(data))
    order = np.random.default_rng(SEED).permutation(len(data))
    order = order[np.lexsort((data.image[order], data.family[order], data.label[order]))]
    return np.sort(order[np.arange(max_count) * len(data) // max_count])


def _summarize(data: PageData, sampled: int) -> str:
    side = data.patches.shape[-1]
    parts = [f"{len(data):,} patches of {side} x {side} pixels", _count(len(data.image_names), "image")]
    if data.names:
        parts.append(_count(len(data.names), "degradation"))
    summary = f"{', '.join(parts)}."
    if sampled < len(data):
        summary += (
            f" The page shows {sampled:,} of them, sampled evenly over degradations and images; the scores use all "
            f"{len(data):,}."
        )
    return summary


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _figure(points: int) -> "figure":
    """Makes the empty map, which the script fills.

    It uses the canvas back end, which draws 5,000 points in 40 ms on a busy CPU. With WebGL, Bokeh 3.9 gives the points
    that remain after a selection or a filter the markers of other points.
    """
    from bokeh.models import BoxSelectTool, CDSView, ColumnDataSource, HoverTool, IndexFilter, LassoSelectTool, Range1d
    from bokeh.plotting import figure

    source = ColumnDataSource({"x": [], "y": [], "color": [], "marker": []}, name="points")
    lasso, hover = LassoSelectTool(), HoverTool(tooltips=None, visible=False)
    plot = figure(
        name="plot",
        lod_threshold=None,
        frame_width=FRAME_SIDE,
        frame_height=FRAME_SIDE,
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        toolbar_location="above",
        active_drag=lasso,
        active_scroll="wheel_zoom",
        tools=[lasso, BoxSelectTool(), "tap", "pan", "wheel_zoom", "reset", "save", hover],
    )
    plot.scatter(
        "x",
        "y",
        source=source,
        view=CDSView(filter=IndexFilter(name="filter")),
        marker="marker",
        size=8 if points <= 1500 else 6,
        fill_color="color",
        fill_alpha=0.85,
        line_color="#333333",
        line_alpha=0.35,
        line_width=0.5,
        nonselection_fill_alpha=0.12,
        nonselection_line_alpha=0.05,
    )
    plot.toolbar.logo = None
    plot.outline_line_color = "#d9dce0"
    plot.grid.grid_line_color = "#f0f1f3"
    plot.axis.axis_line_color = plot.axis.major_tick_line_color = "#b4b9c0"
    plot.axis.minor_tick_line_color = None
    plot.axis.major_label_text_color = "#5b6470"
    return plot


def _page_data(data: PageData, rows: np.ndarray) -> dict[str, Any]:
    """Collects everything that the script shows, as plain JSON."""
    from bokeh.palettes import Cividis256, Viridis256
    from matplotlib.colors import to_hex

    words = list(dict.fromkeys(data.words))
    index_of = {text: index for index, text in enumerate(words)}
    listed = _category("degradation", data.names, data.label, rows) if data.names else None
    return {
        "side": data.patches.shape[-1],
        "patches": [_lossless_webp(data.patches[row]) for row in rows],
        "maps": [
            {"name": name, "x": _numbers(points[rows, 0]), "y": _numbers(points[rows, 1])}
            for name, points in data.maps.items()
        ],
        "words": _category(data.words_title, words, np.array([index_of[text] for text in data.words]), rows),
        "family": _category(data.family_title, data.family_names, data.family, rows),
        "degradation": listed,
        "image": _category("image", data.image_names, data.image, rows),
        "parameters": [
            _parameter(name, values[rows].round(DECIMALS))
            for name, values in data.parameters.items()
            if np.isfinite(values[rows]).any()
        ],
        "encoders": {name: data.encoders.get(name, name) for name in data.maps},
        "separations": {name: [_numbers(row) for row in matrix] for name, matrix in data.separations.items()},
        "silhouettes": {
            name: [[data.names.index(key), *_numbers(np.array([value]))] for key, value in _worst_first(silhouettes)]
            for name, silhouettes in data.silhouettes.items()
        },
        "score_rows": data.score_rows,
        "differences": data.differences,
        "captions": data.captions,
        "scale": Viridis256,
        "cyclic_scale": [to_hex(colour) for colour in cyclic_colormap()(np.linspace(0, 1, 256))],
        "separation_scale": Cividis256,
    }


def _category(name: str, names: list[str], index: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """Gives the categories the colours and markers of the figures, which are determined by all patches."""
    styles = [colour_and_marker(int(rank)) for rank in rank_categories(index, len(names))]
    return {
        "name": name,
        "names": names,
        "index": [int(value) for value in index[rows]],
        "colours": [colour for colour, _ in styles],
        "markers": [MARKER_NAMES[marker] for _, marker in styles],
    }


def _worst_first(silhouettes: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(silhouettes.items(), key=lambda item: (math.isnan(item[1]), item[1]))


def _parameter(name: str, values: np.ndarray) -> dict[str, Any]:
    largest = max(float(np.nanmax(np.abs(values))), 10.0**-DECIMALS)
    return {
        "name": PARAMETER_LABELS[name][0] if name in PARAMETER_LABELS else name.replace("_", " "),
        "values": _numbers(values),
        "decimals": max(0, 2 - math.floor(math.log10(largest))),  # three significant digits of the largest
        "period": PERIODS.get(name),
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.{SIGNIFICANT_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


def _lossless_webp(patch: np.ndarray) -> str:
    """Encodes a patch, (3, p, p) uint8, as base64; a quarter smaller than PNG."""
    import cv2

    bgr = np.ascontiguousarray(patch[::-1].transpose(1, 2, 0))
    encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS_WEBP])[1]
    return base64.b64encode(encoded.tobytes()).decode()


def _json(value: Any) -> str:
    """Encodes a value as JSON for a script element; no text in it can end the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
