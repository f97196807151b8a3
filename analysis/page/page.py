"""The interactive page: maps of an embedding whose patches can be viewed, filtered and selected."""

import html
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from analysis.embedding.blocks import draw_even_rows
from analysis.page.contents import collect_contents
from analysis.page.data import PageData, check
from analysis.page.figure import make_figure
from shared.files import lend_home, write_atomically

FOLDER = Path(__file__).parent
SCRIPTS = (
    "base",
    "colours",
    "filters",
    "selection",
    "patch",
    "separation",
    "sweeps",
    "map",
    "scores",
    "state",
    "start",
)
MAX_POINTS = 5000  # the map still responds smoothly, and the page has about 30 MB
SEED = 0  # of the sample of more points


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
        figure=_json(json_item(make_figure(len(rows)))),
        second_figure=_json(json_item(make_figure(len(rows)))),
        data=_json(collect_contents(data, rows)),
        style=(FOLDER / "style.css").read_text(encoding="utf-8"),
        scripts="\n".join(f"<script>\n{_read_script(name)}</script>" for name in SCRIPTS),
    )
    write_atomically(path, page.encode(errors="backslashreplace"))


def sample_evenly(data: PageData, max_count: int) -> np.ndarray:
    """Draws a seeded sample.

    Of contents under several degradations whole ones are drawn, stratified by image, so that a sweep stays whole; of
    other patches single ones, stratified by listed degradation, within it by family, and within that by image.

    Args:
        data: Contents of the page.
        max_count: Largest size of the sample.

    Returns:
        Ascending rows.
    """
    if len(data) <= max_count:
        return np.arange(len(data))
    if data.content is not None:
        contents, first = np.unique(data.content, return_index=True)
        contents = contents[np.argsort(data.image[first], kind="stable")]
        drawn = draw_even_rows(len(contents), max(1, max_count * len(contents) // len(data)), SEED)
        return np.flatnonzero(np.isin(data.content, contents[drawn]))
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


def _json(value: Any) -> str:
    """Encodes a value as JSON for a script element; no text in it can end the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _read_script(name: str) -> str:
    return (FOLDER / f"{name}.js").read_text(encoding="utf-8")
