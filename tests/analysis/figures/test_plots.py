"""Every plot, for realistic and for poor input: nothing overlaps, nothing is cut off, and files can be compared."""

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

from analysis.figures.map_colours import ProbeColours
from analysis.figures.map_plots import encoder_sheet, map_sheet
from analysis.figures.plots import score_comparison, separation_heatmap, silhouette_bars, training_progress
from analysis.figures.probe_scatter import probe_scatter
from analysis.figures.style import COLOURS, MARKERS, PNG_DPI, WIDTH, look, save

COUNT = 300
NAMES = [f"degradation of thirty letter {i % 10}" if i % 2 else f"blur {i / 10}" for i in range(30)]
LONG_RUN = "2024-05-05_" + "moco_resnet50_" * 6
ENCODERS = ["byol_20k", "resnet50, untrained", LONG_RUN, "dollar $a$ run_1", "statistics"]
NAN = float("nan")
NOTHING = np.full(COUNT, NAN)
random = np.random.default_rng(0)
POINTS = random.normal(size=(COUNT, 2)) * (3, 1)
COLLAPSED = np.zeros((COUNT, 2))
GRID = random.choice([0.3, 1.0, 1.5, 3.2], COUNT)
MATRIX = random.random((60, 60))
DIRECTION = random.choice([0, 30, 90, 135], COUNT)


def sine_and_cosine(degrees):
    return np.stack((np.sin(np.radians(2 * degrees)), np.cos(np.radians(2 * degrees))), 1)


def colours(families=7, images=8, parameters=None):
    return ProbeColours(
        random.integers(0, families, COUNT),
        [f"gaussian + gaussian noise {i}" for i in range(families)],
        parameters or {},
        random.integers(0, images, COUNT),
        [f"skimage/data/photograph {i}.png" for i in range(images)],
    )


USUAL = colours(
    parameters={
        "blur_width": GRID, "anisotropy": random.random(COUNT), "noise": random.choice([0.0, 4, 20], COUNT),
        "angle": np.where(GRID < 1.2, NAN, DIRECTION), "jpeg_quality": 100 - 10 * GRID,
    }
)  # fmt: skip
ODD = colours(25, 64, {"angle": NOTHING, "blur_width": np.full(COUNT, 2.0), "a_parameter_of_ones_own": GRID * 1e-5})
USUAL_READING = {
    "log_sigma": (np.log(GRID)[:, None], np.log(GRID)[:, None] + random.normal(size=(COUNT, 1)) * 0.3),
    "anisotropy": (GRID, GRID + 0.2), "noise_sigma": (GRID / 50, random.random(COUNT) / 10),
    "jpeg_quality": (random.choice([20.0, 100.0], COUNT), random.normal(60, 60, COUNT)),
    "angle": (sine_and_cosine(DIRECTION), sine_and_cosine(DIRECTION + random.normal(size=COUNT) * 20)),
}  # fmt: skip
ODD_READING = {
    "log_sigma": (np.log(POINTS[:, 0] ** 2 + 0.1), np.zeros(COUNT)), "noise_sigma": (NOTHING, NOTHING),
    "anisotropy": (np.ones(COUNT), np.ones(COUNT)), "angle": (sine_and_cosine(NOTHING), sine_and_cosine(NOTHING)),
    "a_parameter_of_ones_own": (GRID[:1], GRID[:1]),
}  # fmt: skip
INTERVAL = (0.42, 0.3, 0.5)
SCORES = ("knn_accuracy", "nmi", "uniformity", "map", "r2/log_sigma", "interaction_share", "degradation_first")


def sheet_of(points, of, encoder="byol_20k"):
    return map_sheet(points, of, encoder=encoder, method="UMAP", trustworthiness=0.912)


def sheets_of(names, points, of):
    return encoder_sheet(dict.fromkeys(names, points), of, method="PCA", trustworthiness=dict.fromkeys(names, 0.9))


FIGURES = {
    "map": lambda: sheet_of(POINTS, USUAL),
    "map, odd": lambda: sheet_of(POINTS, ODD, LONG_RUN),
    "map, one of all, collapsed": lambda: sheet_of(COLLAPSED, colours(1, 1)),
    "encoders": lambda: sheets_of(ENCODERS, POINTS, USUAL),
    "encoders, odd": lambda: sheets_of([LONG_RUN], POINTS, ODD),
    "encoders, one of all, collapsed": lambda: sheets_of(["a"], COLLAPSED, colours(1, 1)),
    "separation": lambda: separation_heatmap(MATRIX[:25, :25], NAMES[:25], encoder="byol_20k"),
    "separation, 30": lambda: separation_heatmap(MATRIX[:30, :30], NAMES, encoder=LONG_RUN),
    "separation, 60": lambda: separation_heatmap(MATRIX, 2 * NAMES, encoder=LONG_RUN),
    "separation, 12": lambda: separation_heatmap(MATRIX[:12, :12], NAMES[:12], encoder="byol_20k"),
    "separation, wide": lambda: separation_heatmap(np.full((25, 25), NAN), ["W" * 30] * 25, encoder="a"),
    "separation, 2": lambda: separation_heatmap(MATRIX[:2, :2], NAMES[:2], encoder=LONG_RUN),
    "silhouette": lambda: silhouette_bars(dict.fromkeys(NAMES, -0.2) | {"a": 0.6, "none": NAN}, encoder=LONG_RUN),
    "silhouette, one": lambda: silhouette_bars({"a": 0.0}, encoder="a"),
    "silhouette, NaN": lambda: silhouette_bars({"a": NAN}, encoder="a"),
    "probes": lambda: probe_scatter(USUAL_READING, dict.fromkeys(USUAL_READING, 0.5), encoder=LONG_RUN),
    "probes, odd": lambda: probe_scatter(ODD_READING, {"log_sigma": NAN}, encoder="a"),
    "scores": lambda: score_comparison(
        {name: dict.fromkeys(SCORES, INTERVAL) for name in ENCODERS}, chance={"nmi": 0.1}, more_is_better={"nmi": True}
    ),
    "scores, odd": lambda: score_comparison({"a": {"nmi": (NAN,) * 3, "map": (1e-6, NAN, NAN)}, "b": {}}),
    "progress": lambda: training_progress(
        {f"probe/{name}": (np.arange(30) * 50000, MATRIX[0, :30]) for name in SCORES}, run=LONG_RUN
    ),
    "progress, odd": lambda: training_progress(
        {"probe/nmi": (np.array([0]), np.array([0.3])), "probe/r2_angle": (np.array([]), np.array([]))}, run="a",
        chance={"probe/nmi": 0.1},
    ),
}  # fmt: skip


@pytest.fixture
def written(monkeypatch):
    """Texts with their boxes, as they are drawn."""
    found = []
    draw = Text.draw

    def remember(text, renderer, *args, **kwargs):
        draw(text, renderer, *args, **kwargs)
        if text.get_visible() and text.get_text().strip():
            found.append((text, text.get_window_extent(renderer)))

    monkeypatch.setattr(Text, "draw", remember)
    return found


def overlap(one, other):
    """Pixels by which two boxes intersect."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    up = min(one.y1, other.y1) - max(one.y0, other.y0)
    return min(across, up)


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_covers_another_or_a_panel_or_is_cut_off(name, written):
    figure = FIGURES[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FigureCanvasAgg(figure).draw()
    assert figure.get_figwidth() <= WIDTH + 1e-6
    assert written
    for (text, box), (other, other_box) in combinations(written, 2):
        assert overlap(box, other_box) < 1, f"{text.get_text()!r} and {other.get_text()!r}"
    panels = [axes for axes in figure.findobj(Axes) if axes.axison]
    for text, box in written:
        assert box.x0 > -1, text
        assert box.y0 > -1, text
        assert box.x1 < figure.bbox.x1 + 1, text
        assert box.y1 < figure.bbox.y1 + 1, text
        for panel in panels:
            assert text in panel.texts or overlap(box, panel.get_window_extent()) < 1, text


def test_the_same_figure_gives_the_same_files_in_any_thread(tmp_path):
    def saved(folder):
        (tmp_path / folder).mkdir()
        chosen = ("map, one of all, collapsed", "separation, 2", "probes")
        paths = [path for name in chosen for path in save(FIGURES[name](), tmp_path / folder / f"plot.{name}")]
        return {path.name: path.read_bytes() for path in paths}

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(saved, ("first", "second"))
    assert len(first) == 6
    assert first == second


def test_files_open(tmp_path):
    png, svg = save(FIGURES["silhouette"](), tmp_path / "silhouette")
    with Image.open(png) as image:
        image.load()
        assert image.width == round(WIDTH * PNG_DPI)
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["silhouette.png", "silhouette.svg"]


def test_saving_into_a_folder_that_is_not_there_is_refused(tmp_path):
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
            drawn.set_visible(to_hex(drawn.get_facecolor()[0]) == look(kind)[0])
        canvas.draw()
        box = panel.get_window_extent()
        inside = np.asarray(canvas.buffer_rgba())[::-1][int(box.y0) + 3 : int(box.y1) - 3, int(box.x0) + 3 :]
        inside = inside[:, : int(box.width) - 6, :3]
        assert (inside.min(-1) < 230).sum() > count / kinds / 2, look(kind)


def test_sheets_say_how_many_points_lie_outside():
    points = POINTS.copy()
    points[0] = 1000
    assert sheet_of(points, USUAL).get_suptitle().endswith("in every panel; 1 lies outside the frame.")
    assert "outside" not in sheet_of(POINTS, USUAL).get_suptitle()
    label = sheets_of(["a"], points, USUAL).axes[0].get_ylabel()
    assert label.endswith("\n1 lies outside the frame")


def test_predictions_outside_are_said_in_words():
    true = np.tile([20.0, 100.0], 500)
    predicted = true.copy()
    predicted[0] = 1e5
    (axes,) = probe_scatter({"jpeg_quality": (true, predicted)}, {}, encoder="a").axes
    assert axes.get_xlabel() == "true (100: uncompressed)\n1 prediction lies outside the frame"


def test_no_global_state():
    modules = "analysis.figures.map_plots, analysis.figures.plots, analysis.figures.probe_scatter"
    code = f"import sys, {modules}; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_worst_cluster_stands_at_the_top():
    figure = silhouette_bars({"good": 0.5, "none": NAN, "bad": -0.5, "middling": 0.1}, encoder="a")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bad", "middling", "good", "none"]
    low, high = axes.get_ylim()
    assert low > high  # the first is at the top


def medians(axes):
    """Where the medians of the predictions are drawn: true values, predicted values."""
    marks = [line for line in axes.lines if line.get_marker() == "o" and line.get_color() == COLOURS[1]]
    return np.concatenate([np.stack(line.get_data(), -1) for line in marks]).T


def test_predictions_are_shown_in_users_units():
    reading = {"log_sigma": (np.log(GRID), np.log(2 * GRID)), "noise_sigma": (GRID / 255, 3 * GRID / 255)}
    blur, noise = probe_scatter(reading, {"log_sigma": 0.5, "noise_sigma": -0.25}, encoder="a").axes
    assert blur.get_xscale() == blur.get_yscale() == "log"
    for axes, factor in ((blur, 2), (noise, 3)):
        true, predicted = medians(axes)
        np.testing.assert_allclose(true, np.unique(GRID))
        np.testing.assert_allclose(predicted, factor * true)
    assert blur.get_title("left") == "blur width, R² 0.50"
    assert noise.get_title("left") == "noise, R² \N{MINUS SIGN}0.25"


def test_directions_that_are_nearly_the_same_are_drawn_so_across_half_a_turn():
    true = np.repeat([0.0, 90.0], 100)
    off = np.tile([-4.0, 2.0], 100)  # 176 and 2 degrees are both near 0
    reading = {"angle": (sine_and_cosine(true), sine_and_cosine(true + off))}
    (axes,) = probe_scatter(reading, {"angle": 0.9}, encoder="a").axes
    centre, predicted = medians(axes)
    off = (predicted - centre + 90) % 180 - 90
    np.testing.assert_allclose(off, -1, atol=1e-6)
    low, high = axes.get_ylim()
    inside = [x for x, y in zip(centre, predicted, strict=True) if low < y < high]
    assert sorted(np.round(inside)) == [0, 0, 90]  # at both ends of the axis


def test_many_true_values_are_grouped():
    true = np.linspace(0, 1, 240)
    (axes,) = probe_scatter({"anisotropy": (true, true)}, {"anisotropy": 1.0}, encoder="a").axes
    centre, predicted = medians(axes)
    assert len(centre) == 12
    np.testing.assert_allclose(predicted, centre)


def test_a_map_without_a_score_says_so():
    figure = map_sheet(COLLAPSED, USUAL, encoder="a", method="UMAP", trustworthiness=NAN)
    assert "UMAP map of a: 300 patches, trustworthiness not defined" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: sheet_of(POINTS[:5], USUAL), r"'byol_20k' should be \(300, 2\).*\(5, 2\)"),
        (lambda: sheets_of(["a"], POINTS[:, :1], USUAL), r"'a' should be \(300, 2\).*\(300, 1\)"),
        (lambda: sheets_of([], POINTS, USUAL), "at least one map"),
        (lambda: separation_heatmap(np.zeros((2, 3)), ["a", "b"], encoder="a"), r"2 x 2 pairs, got \(2, 3\)"),
        (lambda: probe_scatter({}, {}, encoder="a"), "no predictions"),
        (lambda: probe_scatter({"angle": (GRID, GRID)}, {}, encoder="a"), r"'angle' should be \(N, 2\)"),
        (lambda: score_comparison({}), "at least one encoder"),
        (lambda: score_comparison({"a": {}}), "with a score"),
        (lambda: silhouette_bars({}, encoder="a"), "lists no degradations"),
        (lambda: separation_heatmap(np.zeros((0, 0)), [], encoder="a"), "lists no degradations"),
        (lambda: training_progress({}, run="a"), "at least one curve"),
    ],
)
def test_wrong_input_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
