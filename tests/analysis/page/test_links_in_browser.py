"""The page in a browser: verdict, sweep, neighbours, linked maps, table as CSV, state in the address, keyboard."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.page.page_example import COUNT, HOSTILE, full
from tests.analysis.page.page_in_browser import drive_page, needs_browser

STEPS = """
    results.verdict = [...byId("sentences").children].map((one) => one.textContent);
    results.key = table("key-scores");
    const meaning = document.querySelector("#key-scores details");
    meaning.querySelector("summary").click();
    results.meaning = [meaning.open, meaning.querySelector("p").textContent];

    results.plots = [...document.querySelectorAll("#sweep-plots button")].map((one) => one.textContent);
    results.lines = document.querySelectorAll("#sweep-plots polyline").length;
    document.querySelector("#sweep-plots button").click();
    await drawn();
    results.path = {
      segments: { ...views[0].paths.data }, colour: byId("colour-menu").selectedOptions[0].text,
      pressed: document.querySelector("#sweep-plots button").getAttribute("aria-pressed"), hash: location.hash,
      gray: columns.color.filter((one) => one.startsWith(NO_VALUE_COLOUR)).length,
    };
    document.querySelector("#sweep-plots button").click();
    results.unpathed = [views[0].paths.data.x0.length, byId("colour-menu").value === String(data.default_colouring)];

    const at = screenAt(columns.x[10], columns.y[10]);
    await pointer("pointerdown", at, 1);
    await pointer("pointerup", at);
    const box = byId("box").style;
    results.chosen = {
      rows: [...source.selected.indices], hidden: byId("chosen").hidden, title: byId("chosen-title").textContent,
      near: [...document.querySelectorAll("#neighbours .near")].map((list) =>
        [...list.querySelectorAll("img")].map((image) => data.patches.findIndex((one) => image.src.endsWith(one)))),
      box: [box.left, box.top, box.width, box.height], patch: byId("chosen-patch").textContent,
    };
    await byId("source-image").decode();
    results.image = [byId("source-image").naturalWidth, byId("source-image").naturalHeight];
    document.querySelector("#neighbours .patch").click();
    results.moved = [...source.selected.indices];

    await choose("second-menu", "PCA of tiny");
    await wait(200);
    results.second = {
      views: views.length, selected: [...views[1].source.selected.indices], title: byId("second-title").textContent,
      x: views[1].source.data.x[9], first: views[0].source.data.x[9],
    };
    views[1].source.selected.indices = [3, 4, 5, 7];
    await drawn();
    results.linked = selection().rows;
    results.several = byId("chosen-title").textContent;
    results.csv = selectionAsCsv();
    byId("density").click();
    await drawn();
    results.density = [views[0].density.data.alpha.length, views[0].glyphs.glyph.size.value];
    results.hash = location.hash;
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    results.escaped = views.map((view) => view.source.selected.indices.length);
    results.whole = selectionAsCsv().trim().split("\\r\\n").length;
    await choose("second-menu", "none");
    results.closed = [views.length, byId("second").hidden];

    const cells = () => [...document.querySelectorAll(".heat tbody td")];
    const key = (name) => {
      const event = { key: name, bubbles: true, cancelable: true };
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", event));
    };
    results.stops = cells().filter((one) => one.tabIndex === 0).map((one) => one.title);
    cells().find((one) => one.tabIndex === 0).focus();
    results.walk = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp"].map((name) => {
      key(name);
      return document.activeElement.title;
    });
    key("Enter");
    results.entered = [selection().rows.length, byId("pair").textContent];
    results.names = [...document.querySelectorAll(".heat th[title], .heat th span[title]")].map((one) => one.title);
    results.corner = document.querySelector(".heat .corner").textContent;
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    found = drive_page(tmp_path_factory.mktemp("links"), full(), STEPS)
    assert found["problems"] == []
    return found


@needs_browser
def test_the_verdict_is_on_top_and_a_score_gives_its_meaning_on_demand(shown):
    assert shown["verdict"] == ["tiny tells the degradation of most patches.", HOSTILE]
    assert shown["key"][0] == ["", "tiny", "chance"]
    assert shown["meaning"] == [True, full().meanings["kNN"]]


@needs_browser
def test_a_sweep_is_plotted_and_its_paths_are_drawn_on_the_map(shown):
    (plot,) = shown["plots"]
    assert plot.startswith("noise <level>, rank correlation 0.75")
    assert "8-bit levels" in plot
    assert shown["lines"] == 2  # one per encoder
    path = shown["path"]
    grid = full().maps["UMAP of tiny"]
    assert path["segments"]["x0"] == [grid[row, 0] for row in range(12) if row % 3 < 2]
    assert path["segments"]["y1"] == [grid[row, 1] for row in range(12) if row % 3]
    assert path["colour"] == "noise <level>"
    assert path["pressed"] == "true"
    assert "path=0" in path["hash"]
    assert path["gray"] == COUNT - 12
    assert shown["unpathed"] == [0, True]


@needs_browser
def test_a_click_shows_the_neighbours_and_the_place_in_the_image(shown):
    chosen = shown["chosen"]
    assert chosen["rows"] == [10]
    assert not chosen["hidden"]
    assert chosen["title"] == "Selected patch, and its neighbours in tiny"
    others, own = chosen["near"]
    assert others == [12, 13, 14, 15, 16, 17]  # of a circle, whose first twelve are the first image
    assert sorted(own[:3]) == [8, 9, 11]
    assert chosen["box"] == ["15%", "20%", "8%", "16%"]
    assert shown["image"] == [200, 100]
    assert "note on one.png" in chosen["patch"]
    assert shown["moved"] == [12]


@needs_browser
def test_two_maps_have_one_selection(shown):
    second = shown["second"]
    assert second["views"] == 2
    assert second["selected"] == [12]
    assert second["title"] == "PCA of tiny"
    assert second["x"] == pytest.approx(-0.01 * second["first"])
    assert shown["linked"] == [3, 4, 5, 7]
    assert shown["several"] == "Uppermost of the 4 selected patches, and its neighbours in tiny"
    assert shown["closed"] == [1, True]


@needs_browser
def test_the_selection_is_a_table_for_other_programs(shown):
    rows = list(csv.DictReader(io.StringIO(shown["csv"])))
    assert [row["patch"] for row in rows] == ["3", "4", "5", "7"]
    assert list(rows[0]) == [
        *("patch", "degradation", "kind", "image", "blur width", "angle"),
        *("top", "left", "height", "width"),
    ]
    assert rows[2]["degradation"] == HOSTILE
    assert [rows[1]["angle"], rows[0]["angle"]] == ["6", ""]
    assert [rows[3][name] for name in ("top", "left", "height", "width")] == ["17", "27", "16", "16"]
    assert shown["whole"] == COUNT + 1  # without a selection all that are shown, and the header


@needs_browser
def test_density_shrinks_the_points_and_escape_clears(shown):
    cells, size = shown["density"]
    assert cells > COUNT
    assert size == 3
    assert shown["escaped"] == [0, 0]
    assert shown["hash"] == "#second=1&density=1&selected=3-5,7"


@needs_browser
def test_the_address_opens_the_same_look(tmp_path):
    steps = """
    results.menus = ["map-menu", "second-menu", "path-menu"].map((id) => byId(id).selectedOptions[0].text);
    results.rows = views.map((view) => [...view.source.selected.indices]);
    results.hidden = [...byId("families").querySelectorAll("input")].map((box) => box.checked);
    results.range = sliders[0].to.value;
    results.shown = filter.indices.length;
    """
    hash_ = "#map=1&second=0&path=0&without=1&range0=0-100&selected=3-5,9,99"
    found = drive_page(tmp_path, full(), steps, hash_)
    assert found["problems"] == []
    assert found["menus"] == ["PCA of tiny", "UMAP of tiny", "noise <level>"]
    assert found["rows"] == [[3, 4, 5, 9]] * 2  # 99 is of another page
    assert found["hidden"] == [True, False]
    assert found["range"] == "100"
    rows = np.arange(COUNT)
    assert found["shown"] == ((rows % 3 == 0) & (rows <= (COUNT - 1) / 2)).sum()


@needs_browser
def test_the_heatmap_is_used_by_keyboard_and_names_rows_and_columns(shown):
    assert shown["stops"] == ["untouched vs. blur: AUC 0.700"]  # one stop, the rest by the arrow keys
    assert [title.partition(":")[0] for title in shown["walk"]] == [
        "untouched vs. noise",
        "blur vs. noise",
        "blur vs. untouched",
        "blur vs. untouched",
        "blur vs. untouched",
    ]
    assert shown["entered"] == [32, "blur vs. untouched: AUC 0.710 (both selected on the map)"]
    assert shown["names"] == 2 * full().names
    assert "column" in shown["corner"]
    assert "row" in shown["corner"]


@needs_browser
@pytest.mark.parametrize("width", [1400, 800, 420])
def test_the_page_fits_its_window(tmp_path, width):
    steps = """
    results.fits = [document.documentElement.scrollWidth, document.documentElement.clientWidth];
    results.map = byId("map").getBoundingClientRect().width;
    """
    found = drive_page(tmp_path, replace(full(), title="a " * 40), steps, "#selected=3", width=width)
    content, window = found["fits"]
    assert content == window
    assert width - 20 < window <= width  # but for the bar that scrolls it
    assert 0.4 * width < found["map"] <= width


@needs_browser
def test_a_page_on_a_dark_screen_keeps_its_text_readable(tmp_path):
    steps = """
    const luminance = (colour) => {
      const [red, green, blue] = colour.match(/\\d+/g).map(Number);
      return 0.299 * red + 0.587 * green + 0.114 * blue;
    };
    const style = getComputedStyle(document.body);
    results.contrast = luminance(style.color) - luminance(style.backgroundColor);
    results.map = plot.background_fill_color;
    """
    found = drive_page(tmp_path, full(), steps, is_dark=True)
    assert found["problems"] == []
    assert found["contrast"] > 150
    assert found["map"] == "#30363e"
