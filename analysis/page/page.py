"""The interactive page: maps of an embedding, on which the patches can be looked at, filtered and selected."""

import base64
import html
import json
import math
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.map_colours import rank_categories
from analysis.figures.style import colour_and_marker
from analysis.page.data import PageData, check
from shared.files import write_atomically
from shared.images import LOSSLESS_WEBP

if TYPE_CHECKING:
    from bokeh.plotting import figure

FOLDER = Path(__file__).parent
MAX_POINTS = 5000  # that stay smooth, and a page of some 30 MB
SEED = 0  # of the sample where there are more
FRAME = 600  # side of the map in pixels of the screen
DIGITS = 5  # significant ones of a number on the page
DECIMALS = 9  # of a parameter: what is left of a difference of equal logarithms is 0
PERIODS = {"angle": 180.0}  # degrees: parameters whose mean goes round
# Bokeh's names of the plots' markers
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
    """Writes one HTML file that needs nothing else, neither a server nor a network.

    Of more than `MAX_POINTS` patches it shows a sample, drawn evenly over degradations, families and images.

    Args:
        path: of the file; its folder exists.
        data: what to show.

    Raises:
        ValueError: there is no patch or no map, parts disagree in length, or a map is not finite.
        OSError: the file cannot be written.
    """
    from bokeh.embed import json_item
    from bokeh.resources import Resources

    check(data)
    kept = sample_evenly(data, MAX_POINTS)
    template = Template((FOLDER / "template.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=html.escape(data.title),
        contents=html.escape(_contents(data, len(kept))),
        bokeh=Resources(mode="inline", components=["bokeh"], log_level="warn").render_js(),
        figure=_json(json_item(_figure(len(kept)))),
        data=_json(_page_data(data, kept)),
        map_script=(FOLDER / "map.js").read_text(encoding="utf-8"),
        selection_script=(FOLDER / "selection.js").read_text(encoding="utf-8"),
    )
    write_atomically(path, page.encode())


def sample_evenly(data: PageData, most: int) -> np.ndarray:
    """Rows of a seeded sample, in order; all rows where there are at most so many.

    Every listed degradation, every family in it, and every image in that is there by its share.
    """
    if len(data) <= most:
        return np.arange(len(data))
    order = np.random.default_rng(SEED).permutation(len(data))
    order = order[np.lexsort((data.image[order], data.family[order], data.label[order]))]
    return np.sort(order[np.arange(most) * len(data) // most])


def _contents(data: PageData, kept: int) -> str:
    side = data.patches.shape[-1]
    parts = [f"{len(data):,} patches of {side} x {side} pixels", _counted(len(data.image_names), "image")]
    if data.names:
        parts.append(_counted(len(data.names), "listed degradation"))
    sentences = f"{', '.join(parts)}."
    if kept < len(data):
        sentences += (
            f" This page shows {kept:,} of them, drawn evenly over degradations and images; {len(data) - kept:,} are "
            "left out. The scores are of all."
        )
    return sentences


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _figure(points: int) -> "figure":
    """The empty map; the script fills it.

    Drawn on a canvas, 5,000 points in 40 ms on a busy CPU: in WebGL, Bokeh 3.9 draws a part of the points, as a
    selection or a filter leaves it, with the marks of others.
    """
    from bokeh.models import BoxSelectTool, CDSView, ColumnDataSource, HoverTool, IndexFilter, LassoSelectTool, Range1d
    from bokeh.plotting import figure

    source = ColumnDataSource({"x": [], "y": [], "color": [], "marker": []}, name="points")
    lasso, hover = LassoSelectTool(), HoverTool(tooltips=None, visible=False)
    plot = figure(
        name="plot",
        lod_threshold=None,
        frame_width=FRAME,
        frame_height=FRAME,
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


def _page_data(data: PageData, kept: np.ndarray) -> dict[str, Any]:
    """Everything the script shows, as plain JSON."""
    from bokeh.palettes import Cividis256, Viridis256
    from matplotlib.colors import to_hex

    from analysis.figures.style import cyclic_colormap

    words = list(dict.fromkeys(data.words))
    word_of = {word: at for at, word in enumerate(words)}
    listed = _category("listed degradation", data.names, data.label, kept) if data.names else None
    return {
        "side": data.patches.shape[-1],
        "patches": [_lossless_webp(data.patches[row]) for row in kept],
        "maps": [
            {"name": name, "x": _numbers(points[kept, 0]), "y": _numbers(points[kept, 1])}
            for name, points in data.maps.items()
        ],
        "words": _category(data.words_title, words, np.array([word_of[one] for one in data.words]), kept),
        "family": _category(data.family_title, data.family_names, data.family, kept),
        "degradation": listed,
        "image": _category("image", data.image_names, data.image, kept),
        "parameters": [
            _parameter(name, values[kept].round(DECIMALS))
            for name, values in data.parameters.items()
            if np.isfinite(values[kept]).any()
        ],
        "encoders": {name: data.encoders.get(name, name) for name in data.maps},
        "separations": {name: [_numbers(row) for row in matrix] for name, matrix in data.separations.items()},
        "silhouettes": {
            name: [[data.names.index(one), *_numbers(np.array([value]))] for one, value in _worst_first(silhouettes)]
            for name, silhouettes in data.silhouettes.items()
        },
        "score_rows": data.score_rows,
        "differences": data.differences,
        "captions": data.captions,
        "scale": Viridis256,
        "cyclic_scale": [to_hex(colour) for colour in cyclic_colormap()(np.linspace(0, 1, 256))],
        "separation_scale": Cividis256,
    }


def _category(name: str, names: list[str], index: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    """Categories in the colours and marks of the plots, which are those among all patches."""
    looks = [colour_and_marker(int(rank)) for rank in rank_categories(index, len(names))]
    return {
        "name": name,
        "names": names,
        "index": [int(one) for one in index[kept]],
        "colours": [colour for colour, _ in looks],
        "markers": [MARKER_NAMES[marker] for _, marker in looks],
    }


def _worst_first(silhouettes: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(silhouettes.items(), key=lambda one: (math.isnan(one[1]), one[1]))


def _parameter(name: str, values: np.ndarray) -> dict[str, Any]:
    largest = max(float(np.nanmax(np.abs(values))), 10.0**-DECIMALS)
    return {
        "name": name.replace("_", " "),
        "values": _numbers(values),
        "decimals": max(0, 2 - math.floor(math.log10(largest))),  # three digits of the largest
        "period": PERIODS.get(name),
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


def _lossless_webp(patch: np.ndarray) -> str:
    """A (3, p, p) patch as base64; a quarter smaller than PNG."""
    import cv2

    bgr = np.ascontiguousarray(patch[::-1].transpose(1, 2, 0))
    encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS_WEBP])[1]
    return base64.b64encode(encoded.tobytes()).decode()


def _json(value: Any) -> str:
    """JSON that can stand in a script element: no text in it can end the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
