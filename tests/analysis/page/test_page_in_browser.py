"""The page in a browser: real pointer events on the map, and the contents of the document after them."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_hex

from analysis.figures.style import COLOURS, cyclic_colormap, sequential_colormap
from tests.analysis.page.page_example import COUNT, HOSTILE, SEPARATION, SIDE, example, unlisted
from tests.analysis.page.page_in_browser import drive_page, needs_browser

DASH = "\u2013"
GRAY = (180, 185, 192)

STEPS = """
    results.title = document.title;
    results.menus = ["map-menu", "colour-menu"].map((id) => [...byId(id).options].map((one) => one.text));
    results.scores = table("scores");
    results.captions = byId("captions").textContent;

    results.initial = selection();
    await pointer("pointermove", screenAt(columns.x[10], columns.y[10]));
    const image = document.querySelector("#card img");
    await image.decode();
    results.card = {
      text: byId("card").textContent, hidden: byId("card").hidden, source: image.src, width: image.width,
      natural: image.naturalWidth, rendering: getComputedStyle(image).imageRendering,
    };
    await pointer("pointermove", screenAt(3.5, 2.5));
    results.cardElsewhere = byId("card").hidden;

    results.pixels = {};
    for (const name of ["kind", "degradation", "blur width", "angle", "image"]) {
      await choose("colour-menu", name);
      results.pixels[name] = pixels();
    }
    await choose("colour-menu", "angle");
    results.colourBar = byId("legend").innerText;
    await choose("colour-menu", "degradation");
    results.legend = [...document.querySelectorAll("#legend button")].map((one) => one.textContent);
    document.querySelectorAll("#legend button")[2].click();
    results.ofLegend = selection().rows;

    await drag([[-0.1, -0.1], [2.5, -0.1], [2.5, 1.5], [-0.1, 1.5], [-0.1, 0]].map((place) => screenAt(...place)));
    results.lasso = selection();
    byId("clear-selection").click();
    results.cleared = selection().rows;
    plot.toolbar.tools.find((tool) => tool.type === "BoxSelectTool").active = true;
    await drag([[4.5, 3.5], [6, 4], [7.2, 5.1]].map((place) => screenAt(...place)));
    results.box = selection().rows;
    byId("clear-selection").click();

    results.filters = [];
    const visible = () => results.filters.push([...filter.indices]);
    const boxes = document.querySelectorAll("#families input");
    boxes[1].click(); visible();
    boxes[1].click(); visible();
    const [, angle] = sliders;
    await move(angle.from, 100); visible();
    await move(angle.from, 0); visible();
    await move(sliders[0].to, 50); visible();
    await choose("colour-menu", "kind");
    results.filteredPixels = pixels();
    byId("reset-filters").click(); visible();

    const cells = [...document.querySelectorAll(".heat tbody tr")].map((line) => line.querySelectorAll("td"));
    results.cells = cells.map((line) => [...line].map((cell) => cell.title));
    cells[0][2].click();
    results.pair = { ...selection(), marked: cells[0][2].className, words: byId("pair").textContent };
    cells[2][0].click();
    results.mirrored = { marked: [cells[0][2].className, cells[2][0].className], rows: selection().rows };
    byId("clear-selection").click();
    results.unmarked = cells[2][0].className;

    await choose("map-menu", "PCA of tiny");
    results.otherMap = [screenAt(0, 0), screenAt(columns.x[10], columns.y[10]), [plot.x_range.start, plot.x_range.end]];
    results.frame = area().getBoundingClientRect().toJSON();

    for (const id of ["selection", "heatmap"]) byId(id).innerHTML = '<div style="width: 3000px">wide</div>';
    results.widths = [document.documentElement.scrollWidth, document.documentElement.clientWidth];
"""


def decode(encoded: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(encoded), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].transpose(2, 0, 1)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return drive_page(tmp_path_factory.mktemp("page"), example(), STEPS)


def on_white(colour: str | tuple[int, int, int]) -> np.ndarray:
    if isinstance(colour, str):
        colour = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return 0.85 * np.array(colour) + 0.15 * 255


def assert_coloured(pixels: list, rows: np.ndarray, colour: str | tuple[int, int, int]) -> None:
    seen = np.array(pixels)[rows, :3]
    np.testing.assert_allclose(seen, np.tile(on_white(colour), (len(rows), 1)), atol=6)  # a grid line shines through


@needs_browser
def test_page_opens_without_a_request_or_an_error(shown):
    assert shown["title"] == "Probe tiny"
    assert shown["problems"] == []
    assert [name for name in shown["requests"] if not name.startswith(("data:", "blob:"))] == []
    assert any("example.com" in problem for problem in shown["afterRequest"]), "a request would go unnoticed"


@needs_browser
def test_wide_tables_scroll_by_themselves(shown):
    width, window = shown["widths"]
    assert width == window


@needs_browser
def test_menus_scores_and_captions(shown):
    assert shown["menus"] == [
        ["UMAP of tiny", "PCA of tiny"],
        ["kind", "degradation", "blur width", "angle", "image"],
    ]
    assert shown["scores"] == example().score_rows
    assert shown["captions"] == "First sentence.Second one."


@needs_browser
def test_hovering_over_a_point_shows_its_patch(shown):
    card = shown["card"]
    assert not card["hidden"]
    np.testing.assert_array_equal(decode(card["source"].split(",")[1]), example().patches[10])
    assert card["natural"] == SIDE
    assert card["width"] == 192
    assert card["rendering"] == "pixelated"
    assert card["text"] == "blur 2.0 by 1.0one.pngblur width1angle30"
    assert shown["cardElsewhere"]


@needs_browser
def test_menu_recolours_the_points(shown):
    data, pixels = example(), shown["pixels"]
    for name, index in {"kind": data.family, "degradation": data.label, "image": data.image}.items():
        for one in range(index.max() + 1):
            assert_coloured(pixels[name], np.flatnonzero(index == one), COLOURS[one])
    has_angle = np.isfinite(data.parameters["angle"])
    assert_coloured(pixels["angle"], np.flatnonzero(~has_angle), GRAY)
    width = data.parameters["blur_width"]
    assert_coloured(pixels["blur width"], np.array([width.argmin()]), "#440154")
    assert_coloured(pixels["blur width"], np.array([width.argmax()]), to_hex(sequential_colormap()(1.0)))
    for row in np.flatnonzero(has_angle)[:3]:  # cyclic: 0 and 180 degrees have one colour
        colour = to_hex(cyclic_colormap()(data.parameters["angle"][row] / 180))
        assert_coloured(pixels["angle"], np.array([row]), colour)


@needs_browser
def test_legend_and_colour_bar(shown):
    assert shown["legend"] == ["untouched16", "blur16", "noise16"]
    assert shown["ofLegend"] == list(range(2, COUNT, 3))
    assert shown["colourBar"].split() == ["0", "45", "90", "135", "180", "degrees", "not", "defined", "(32", "patches)"]


@needs_browser
def test_lasso_lists_the_selected_patches(shown):
    lasso, data = shown["lasso"], example()
    rows = [0, 1, 2, 8, 9, 10]
    assert lasso["rows"] == rows
    assert lasso["title"] == "Selected: 6 patches from 1 image"
    assert lasso["shares"] == ["some 67 % (4)", "none 33 % (2)"]
    header, mean, span, *lines = lasso["table"]
    assert header == ["patch", "degradation", "image", "blur width", "angle"]
    assert mean == ["", "mean", "", "0.5", "12"]  # of 174 and 30 degrees, across the end of the period
    assert span == ["", "range", "", f"0 {DASH} 1", f"30 {DASH} 174"]
    angles = [DASH, "174", DASH, DASH, DASH, "30"]
    widths = ["0", "0.1", "0.2", "0.8", "0.9", "1"]
    assert [line[1:] for line in lines] == [
        [data.words[row], "one.png", width, angle] for row, width, angle in zip(rows, widths, angles, strict=True)
    ]
    np.testing.assert_array_equal(decode(lasso["images"][5].split(",")[1]), data.patches[10])


@needs_browser
def test_box_selects_and_a_button_clears(shown):
    assert shown["cleared"] == []
    assert shown["box"] == [37, 38, 39, 45, 46, 47]
    assert shown["initial"]["title"] == "Nothing selected: showing 48 patches from 4 images"
    assert len(shown["initial"]["images"]) == COUNT


@needs_browser
def test_filters_hide_points(shown):
    data = example()
    everything = list(range(COUNT))
    angle = data.parameters["angle"]
    middle = (np.nanmin(angle) + np.nanmax(angle)) / 2
    narrow = data.parameters["blur_width"] <= data.parameters["blur_width"].max() / 4
    assert shown["filters"] == [
        np.flatnonzero(data.family == 0).tolist(),
        everything,
        np.flatnonzero(angle >= middle).tolist(),  # which excludes NaN
        everything,
        np.flatnonzero(narrow).tolist(),
        everything,
    ]
    assert_coloured(shown["filteredPixels"], np.flatnonzero(narrow & (data.family == 1)), COLOURS[1])
    hidden = np.array(shown["filteredPixels"])[~narrow, :3]
    assert hidden.min() > 230  # the background and its grid lines


@needs_browser
def test_cell_of_the_heatmap_selects_its_two_degradations(shown):
    assert shown["cells"][0] == ["", "untouched vs. blur: AUC 0.700", "untouched vs. noise: AUC 0.900"]
    pair = shown["pair"]
    expected = np.flatnonzero(example().label != 1).tolist()
    assert pair["rows"] == expected
    assert pair["title"] == "Selected: 32 patches from 4 images"
    assert pair["marked"] == "chosen"
    assert pair["words"].startswith("untouched vs. noise: AUC 0.900")
    assert shown["mirrored"] == {"marked": ["", "chosen"], "rows": expected}
    assert shown["unmarked"] == ""


@needs_browser
def test_other_map_fills_the_frame(shown):
    (x0, y0), (x10, y10), (start, end) = shown["otherMap"]
    assert start < -0.07
    assert end > 0
    assert x10 < x0  # the second map is mirrored
    assert y10 > y0
    for x, y in ((x0, y0), (x10, y10)):
        assert shown["frame"]["left"] < x < shown["frame"]["right"]
        assert shown["frame"]["top"] < y < shown["frame"]["bottom"]


@needs_browser
def test_heatmap_and_silhouettes_follow_the_map(tmp_path):
    data = example()
    one, other = data.maps
    below = np.where(np.eye(3, dtype=bool), np.nan, 0.25)
    data = replace(
        data,
        separations={one: SEPARATION, other: below},
        encoders={one: "tiny", other: "second"},
        silhouettes={other: {"untouched": 0.5, "blur": float("nan"), "noise": -0.25}},
        differences=[["tiny better than", "second"], ["  kNN", "0.20 [0.10, 0.30]  "], ["  NMI", "0.10 [-0.1, 0.3] ~"]],
    )
    steps = """
    const state = () => ({
      title: byId("separation-title").textContent, cell: document.querySelectorAll(".heat td")[1].title,
      below: document.querySelectorAll(".heat td.below").length, legend: !byId("below-chance").hidden,
      map: byId("map-title").textContent, silhouettes: !byId("silhouettes").hidden, pair: byId("pair").textContent,
      bars: [...document.querySelectorAll("#silhouette-bars button")].map((one) => one.textContent),
    });
    results.first = state();
    document.querySelectorAll(".heat td")[1].click();
    results.clicked = state().pair;
    await choose("map-menu", "PCA of tiny");
    results.second = state();
    document.querySelector("#silhouette-bars button").click();
    results.worst = selection().rows;
    results.differences = [...document.querySelectorAll("#scores table")].map((one) => one.innerText.split("\\n"));
    results.unclear = [...document.querySelectorAll(".unclear")].map((one) => one.textContent);
    """
    found = drive_page(tmp_path, data, steps)
    assert found["problems"] == []
    first, second = found["first"], found["second"]
    assert first["title"] == "Pairwise separation of degradations: tiny"
    assert second["title"] == "Pairwise separation of degradations: second"
    assert [first["cell"], second["cell"]] == [f"untouched vs. blur: AUC {value}" for value in ("0.700", "0.250")]
    assert [first["below"], first["legend"], second["below"], second["legend"]] == [0, False, 6, True]
    assert [first["map"], second["map"]] == [one, other]
    assert [first["silhouettes"], second["silhouettes"]] == [False, True]
    assert second["bars"] == ["noise\u22120.25", "untouched0.50", "blurnot defined"]
    assert found["worst"] == list(range(2, COUNT, 3))
    assert found["clicked"].startswith("untouched vs. blur")
    assert second["pair"] == ""  # of the other map's matrix
    assert len(found["differences"]) == 2
    assert found["unclear"] == ["0.10 [-0.1, 0.3] ~"]


@needs_browser
def test_a_single_matrix_is_always_shown_and_headings_come_from_the_data(tmp_path):
    data = replace(example(), family_title="group", words_title="looks like", parameters={})
    steps = """
    await choose("map-menu", "PCA of tiny");
    results.title = byId("separation-title").textContent;
    results.table = table("selection").slice(0, 2);
    results.menu = byId("colour-menu").options[0].text;
    """
    found = drive_page(tmp_path, data, steps)
    assert found["problems"] == []
    assert found["title"] == "Pairwise separation of degradations: UMAP of tiny"
    assert found["table"] == [["patch", "looks like", "image"], ["", "untouched", "one.png"]]
    assert found["menu"] == "group"


@needs_browser
def test_without_listed_degradations_there_is_no_heatmap(tmp_path):
    steps = """
    results.title = [document.title, document.querySelector("h1").textContent];
    results.heatmap = [byId("separation").hidden, document.querySelectorAll(".heat").length];
    results.menus = [...byId("colour-menu").options].map((one) => one.text);
    results.oneMap = byId("map-menu").parentElement.hidden;
    results.words = table("selection")[5][1];
    """
    found = drive_page(tmp_path, unlisted(), steps)
    assert found["problems"] == []
    assert found["title"] == [HOSTILE, HOSTILE]
    assert found["heatmap"] == [True, 0]
    assert found["menus"] == ["kind", "blur width", "angle", "image"]
    assert found["oneMap"]
    assert found["words"] == HOSTILE
