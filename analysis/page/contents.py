"""What the script of the page shows, as plain JSON."""

import math
from typing import Any

import numpy as np
from matplotlib.colors import Colormap, to_hex

from analysis.figures.map_colours import rank_categories
from analysis.figures.style import COLOURS, PARAMETER_LABELS, colour_and_marker, cyclic_colormap, sequential_colormap
from analysis.measures.neighbours import find_neighbours
from analysis.page.data import PageData, PageSweep
from analysis.page.encoding import encode_sources, lossless_webp

SIGNIFICANT_DIGITS = 5  # of a number on the page
DECIMALS = 9  # of a parameter: the rounding error of a difference of equal logarithms becomes 0
PERIODS = {"angle": 180.0}  # degrees, of the cyclic parameters
MAX_SHARE = 0.5  # of the points that have one colour in the colouring that the page opens with
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


def collect_contents(data: PageData, rows: np.ndarray) -> dict[str, Any]:
    """Collects everything that the script shows, as plain JSON.

    Args:
        data: Contents of the page.
        rows: Patches that it shows, ascending.
    """
    words = list(dict.fromkeys(data.words))
    index_of = {text: index for index, text in enumerate(words)}
    word_index = np.array([index_of[text] for text in data.words])
    family = _category(data.family_title, data.family_names, data.family, rows)
    parameters = [
        _parameter(name, values[rows].round(DECIMALS))
        for name, values in data.parameters.items()
        if np.isfinite(values[rows]).any()
    ]
    listed = _category("degradation", data.names, data.label, rows) if data.names else None
    return {
        "side": data.patches.shape[-1],
        "patches": [lossless_webp(data.patches[row]) for row in rows],
        "maps": [
            {"name": name, "x": _numbers(points[rows, 0]), "y": _numbers(points[rows, 1])}
            for name, points in data.maps.items()
        ],
        "words": _category(data.words_title, words, word_index, rows) if words else None,
        "family": family,
        "degradation": listed,
        "image": _category("image", data.image_names, data.image, rows),
        "parameters": parameters,
        "encoders": {name: data.encoders.get(name, name) for name in data.maps},
        "separations": {name: [_numbers(row) for row in matrix] for name, matrix in data.separations.items()},
        "silhouettes": {
            name: [[data.names.index(key), *_numbers(np.array([value]))] for key, value in _worst_first(silhouettes)]
            for name, silhouettes in data.silhouettes.items()
        },
        "score_rows": data.score_rows,
        "differences": data.differences,
        "captions": data.captions,
        "verdict": data.verdict,
        "key_rows": data.key_rows,
        "meanings": data.meanings,
        "image_notes": data.image_notes,
        "default_colouring": _choose_colouring(family["index"], bool(listed), len(parameters)),
        "rows": rows.tolist(),
        "boxes": data.boxes[rows].tolist() if data.boxes is not None else None,
        "sources": encode_sources(data),
        "neighbours": {name: _find_neighbours(data, embedding, rows) for name, embedding in data.embeddings.items()},
        "sweeps": [_sweep(sweep, rows, len(data)) for sweep in data.sweeps],
        "scale": _hex(sequential_colormap()),
        "cyclic_scale": _hex(cyclic_colormap()),
        "line_colours": {"colours": COLOURS},
    }


def _find_neighbours(data: PageData, embedding: np.ndarray, rows: np.ndarray) -> dict[str, list[list[int]]]:
    others, own = find_neighbours(np.asarray(embedding)[rows], data.image[rows])
    return {kind: [line[line >= 0].tolist() for line in found] for kind, found in (("others", others), ("own", own))}


def _sweep(sweep: PageSweep, rows: np.ndarray, count: int) -> dict[str, Any]:
    """A sweep as a colouring of the shown patches, with the paths of those that are shown under every value."""
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    paths = place[sweep.rows]
    values = np.full(count, np.nan)
    values[sweep.rows] = sweep.values
    return {
        **_parameter(sweep.name, values[rows] if np.isfinite(values[rows]).any() else np.zeros(len(rows))),
        "unit": sweep.unit,
        "period": sweep.period,
        "at": _numbers(sweep.values),
        "paths": paths[(paths >= 0).all(1)].tolist(),
        "curves": {
            name: {
                **{key: _numbers(values) for key, values in curve.items()},
                "rank_correlation": _numbers(np.array([sweep.rank_correlation[name]]))[0],
            }
            for name, curve in sweep.curves.items()
        },
    }


def _choose_colouring(family: list[int], is_listed: bool, parameters: int) -> int:
    """Chooses the colouring that the page opens with: the kind, unless it gives most points one colour.

    Returns:
        Its place in the menu: kind, listed degradation if there is one, parameters, image.
    """
    if np.bincount(family).max() <= MAX_SHARE * len(family):
        return 0
    return 1 if is_listed or parameters else 0


def _hex(colours: Colormap) -> list[str]:
    return [to_hex(colour) for colour in colours(np.linspace(0, 1, 256))]


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
        "unit": PARAMETER_LABELS.get(name, ("", ""))[1],
        "values": _numbers(values),
        "decimals": max(0, 2 - math.floor(math.log10(largest))),  # three significant digits of the largest
        "period": PERIODS.get(name),
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.{SIGNIFICANT_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
