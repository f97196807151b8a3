"""Every kind of figure: no text overlaps or is cut off, files are reproducible, wrong input is refused."""

import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from analysis.figures.learning_curves import learning_curves
from analysis.figures.map_colours import ProbeColours
from analysis.figures.map_plots import map_sheet
from analysis.figures.plots import score_comparison, separation_heatmap, silhouette_bars, training_progress
from analysis.figures.probe_scatter import probe_scatter
from analysis.figures.style import MARKERS, PNG_DPI, WIDTH, colour_and_marker, save
from analysis.figures.sweep_plots import sweep_curves, sweep_paths
from tests.analysis.figures.figure_examples import (
    COLLAPSED,
    FIGURES,
    GRID,
    NAN,
    POINTS,
    USUAL,
    sheet_of,
    sheets_of,
)


@pytest.fixture
def drawn_texts(monkeypatch):
    """Texts with their bounding boxes, recorded as they are drawn."""
    drawn = []
    draw = Text.draw

    def record(text, renderer, *args, **kwargs):
        draw(text, renderer, *args, **kwargs)
        if text.get_visible() and text.get_text().strip():
            drawn.append((text, text.get_window_extent(renderer)))

    monkeypatch.setattr(Text, "draw", record)
    return drawn


def overlap(one, other):
    """Pixels by which two boxes intersect."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    up = min(one.y1, other.y1) - max(one.y0, other.y0)
    return min(across, up)


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_covers_another_or_a_panel_or_is_cut_off(name, drawn_texts):
    figure = FIGURES[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FigureCanvasAgg(figure).draw()
    assert figure.get_figwidth() <= WIDTH + 1e-6
    assert drawn_texts
    for (text, box), (other, other_box) in combinations(drawn_texts, 2):
        assert overlap(box, other_box) < 1, f"{text.get_text()!r} and {other.get_text()!r}"
    panels = [axes for axes in figure.findobj(Axes) if axes.axison]
    for text, box in drawn_texts:
        assert box.x0 > -1, text
        assert box.y0 > -1, text
        assert box.x1 < figure.bbox.x1 + 1, text
        assert box.y1 < figure.bbox.y1 + 1, text
        for panel in panels:
            assert text in panel.texts or overlap(box, panel.get_window_extent()) < 1, text


def test_the_same_figure_gives_the_same_files_in_any_thread(tmp_path):
    def save_some(folder):
        (tmp_path / folder).mkdir()
        chosen = ("map, one of each, collapsed", "separation, 2", "probes")
        paths = [path for name in chosen for path in save(FIGURES[name](), tmp_path / folder / f"plot.{name}")]
        return {path.name: path.read_bytes() for path in paths}

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(save_some, ("first", "second"))
    assert len(first) == 6
    assert first == second


def test_files_open(tmp_path):
    png, svg = save(FIGURES["silhouette"](), tmp_path / "silhouette")
    with Image.open(png) as image:
        image.load()
        assert image.width == round(WIDTH * PNG_DPI)
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["silhouette.png", "silhouette.svg"]


def test_saving_into_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(OSError, match="missing"):
        save(FIGURES["silhouette"](), tmp_path / "missing" / "silhouette")


def test_no_marker_vanishes_in_a_dense_map():
    count, kinds = 2100, len(MARKERS)
    index = np.arange(count) % kinds
    of = ProbeColours(index, [str(i) for i in range(kinds)], {}, np.zeros(count, int), ["a"])
    figure = sheets_of(["a"], np.random.default_rng(0).random((count, 2)), of)
    canvas, panel = FigureCanvasAgg(figure), figure.axes[0]
    for kind in range(kinds):
        for drawn in panel.collections:
            drawn.set_visible(to_hex(drawn.get_facecolor()[0]) == colour_and_marker(kind)[0])
        canvas.draw()
        box = panel.get_window_extent()
        inside = np.asarray(canvas.buffer_rgba())[::-1][int(box.y0) + 3 : int(box.y1) - 3, int(box.x0) + 3 :]
        inside = inside[:, : int(box.width) - 6, :3]
        assert (inside.min(-1) < 230).sum() > count / kinds / 2, colour_and_marker(kind)


def test_sheets_state_how_many_points_are_outside():
    points = POINTS.copy()
    points[0] = 1000
    assert sheet_of(points, USUAL).get_suptitle().endswith("in every panel; 1 point is outside the frame.")
    assert "outside" not in sheet_of(POINTS, USUAL).get_suptitle()
    label = sheets_of(["a"], points, USUAL).axes[0].get_ylabel()
    assert label.endswith("\n1 point is outside the frame")


def test_figures_do_not_use_pyplot():
    modules = "analysis.figures.map_plots, analysis.figures.plots, analysis.figures.probe_scatter"
    code = f"import sys, {modules}; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_worst_cluster_is_at_the_top():
    figure = silhouette_bars({"good": 0.5, "none": NAN, "bad": -0.5, "middling": 0.1}, encoder="a")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bad", "middling", "good", "none"]
    low, high = axes.get_ylim()
    assert low > high  # the first is at the top


def test_a_map_without_a_trustworthiness_says_so():
    figure = map_sheet(COLLAPSED, USUAL, encoder="a", method="UMAP", trustworthiness=NAN)
    assert "UMAP of a: 300 patches, trustworthiness not defined" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: sheet_of(POINTS[:5], USUAL), r"'byol_20k' must be \(300, 2\).*\(5, 2\)"),
        (lambda: sheets_of(["a"], POINTS[:, :1], USUAL), r"'a' must be \(300, 2\).*\(300, 1\)"),
        (lambda: sheets_of([], POINTS, USUAL), "at least one map"),
        (lambda: separation_heatmap(np.zeros((2, 3)), ["a", "b"], encoder="a"), r"2 x 2 pairs, got \(2, 3\)"),
        (lambda: probe_scatter({}, {}, encoder="a"), "no predictions"),
        (lambda: probe_scatter({"angle": (GRID, GRID)}, {}, encoder="a"), r"'angle' must be \(N, 2\)"),
        (lambda: score_comparison({}), "at least one encoder"),
        (lambda: score_comparison({"a": {}}), "at least one score"),
        (lambda: silhouette_bars({}, encoder="a"), "lists no degradations"),
        (lambda: separation_heatmap(np.zeros((0, 0)), [], encoder="a"), "lists no degradations"),
        (lambda: training_progress({}, run="a"), "at least one curve"),
        (lambda: sweep_curves([], {}), "needs a sweep and an encoder"),
        (lambda: sweep_paths(POINTS, [], encoder="a", method="PCA"), "no parameter varies alone"),
        (lambda: learning_curves([], score="nmi", budget="steps"), "at least one"),
    ],
)
def test_wrong_input_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
