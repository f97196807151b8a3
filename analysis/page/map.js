"use strict";

// One or two maps with the same points, whose selection is linked

const MAX_STRETCH = 2; // of the scales of the two axes of a map
const DENSITY_CELLS = 48; // along each axis
const views = []; // of the maps that are open: their Bokeh models and menu
let second = null; // the second of them, kept while it is closed
let isLinking = false; // while one selection is written to all maps

async function openView(item, place, menu, title) {
  const known = new Set(Bokeh.documents);
  await Bokeh.embed.embed_item(JSON.parse(byId(item).textContent), place);
  const opened = Bokeh.documents.find((one) => !known.has(one));
  const model = (name) => opened.get_model_by_name(name);
  const names = ["points", "filter", "plot", "glyphs", "density", "paths"];
  const [source, filter, plot, glyphs, density, paths] = names.map(model);
  const { value: size } = glyphs.glyph.size;
  const view = { size, source, filter, plot, glyphs, density, paths, menu: byId(menu), title: byId(title), place: byId(place) };
  views.push(view);
  source.selected.properties.indices.change.connect(() => select(source.selected.indices));
  followPointer(view);
  dress(view);
  return view;
}

function mapOf(view) {
  return data.maps[Number(view.menu.value)];
}

function drawPoints() {
  for (const view of views) {
    const { x, y } = mapOf(view);
    view.source.data = { ...columns, x, y };
  }
}

function showMap(view) {
  const map = mapOf(view);
  if (view === views[0]) Object.assign(columns, { x: map.x, y: map.y });
  drawPoints();
  const extents = [extent(map.x), extent(map.y)];
  const longest = Math.max(...extents.map(([low, high]) => high - low)) || 1;
  [view.plot.x_range, view.plot.y_range].forEach((range, axis) => {
    const [low, high] = extents[axis];
    const half = 0.54 * Math.max(high - low, longest / MAX_STRETCH);
    const [start, end] = [(low + high) / 2 - half, (low + high) / 2 + half];
    range.setv({ start, end, reset_start: start, reset_end: end });
  });
  view.title.textContent = map.name;
  showDensity();
  showPaths();
}

function showFirstMap() {
  showMap(views[0]);
  const { name } = mapOf(views[0]);
  showSeparation(name);
  showSilhouettes(name);
  showSweeps();
  showChosen();
}

async function showSecondMap() {
  const isOpen = byId("second-menu").value !== "";
  byId("second").hidden = !isOpen;
  document.querySelector(".page").classList.toggle("two", isOpen);
  if (!isOpen) return void views.splice(1);
  const isNew = views.length < 2;
  if (isNew && second) views.push(second);
  else if (isNew) second = await openView("second-figure-data", "second-map", "second-menu", "second-title");
  showMap(views[1]);
  if (!isNew) return;
  views[1].filter.indices = views[0].filter.indices; // after the points: no index of a point that is not there yet
  views[1].source.selected.indices = selected();
}

// selects rows on all maps, each of which answers that its selection has changed
function select(rows) {
  if (isLinking) return;
  isLinking = true;
  for (const { source } of views) if (source.selected.indices !== rows) source.selected.indices = rows;
  isLinking = false;
  showSelection();
  showChosen();
  storeState();
}

function selected() {
  return views[0].source.selected.indices;
}

// Where points cover each other: the share of points in each cell behind smaller points

function showDensity() {
  const isOn = byId("density").checked;
  for (const view of views) {
    const size = isOn ? 3 : view.size;
    view.glyphs.glyph.setv({ size: { value: size }, fill_alpha: { value: isOn ? 0.45 : 0.85 } });
    view.density.data = isOn ? densityOf(mapOf(view), view.plot) : { left: [], right: [], bottom: [], top: [], alpha: [] };
  }
}

function densityOf({ x, y }, plot) {
  const [width, height] = [plot.x_range, plot.y_range].map(({ start, end }) => (end - start) / DENSITY_CELLS);
  const [left, bottom] = [plot.x_range.start, plot.y_range.start];
  const cells = new Map();
  for (let row = 0; row < count; row++) {
    if (!isShown[row]) continue;
    const [column, line] = [Math.floor((x[row] - left) / width), Math.floor((y[row] - bottom) / height)];
    for (const [dx, dy, weight] of [[0, 0, 4], [1, 0, 2], [-1, 0, 2], [0, 1, 2], [0, -1, 2], [1, 1, 1], [1, -1, 1], [-1, 1, 1], [-1, -1, 1]]) {
      const key = (column + dx) * 4096 + line + dy;
      cells.set(key, (cells.get(key) ?? 0) + weight);
    }
  }
  const most = extent([...cells.values()])[1];
  const places = [...cells].map(([key, weight]) => [Math.floor((key + 2048) / 4096), weight, key]);
  const at = places.map(([column, weight, key]) => [column, key - 4096 * column, weight]);
  return {
    left: at.map(([column]) => left + column * width),
    right: at.map(([column]) => left + (column + 1) * width),
    bottom: at.map(([, line]) => bottom + line * height),
    top: at.map(([, line]) => bottom + (line + 1) * height),
    alpha: at.map(([, , weight]) => 0.65 * Math.sqrt(weight / most)),
  };
}

// Colours of the frame, which follow those of the screen

function dress({ plot, glyphs }) {
  const [back, inside, line, grid, soft] = ["--back", "--plot", "--line", "--grid", "--soft"].map(styleOf);
  plot.setv({ background_fill_color: inside, border_fill_color: back, outline_line_color: line });
  for (const axis of [...plot.below, ...plot.left]) {
    axis.setv({ axis_line_color: soft, major_tick_line_color: soft, major_label_text_color: soft });
  }
  plot.center.filter((one) => one.type === "Grid").forEach((one) => one.setv({ grid_line_color: grid }));
  glyphs.glyph.line_color = { value: darkScreen.matches ? "#dddddd" : "#333333" };
  glyphs.nonselection_glyph.fill_alpha = { value: darkScreen.matches ? 0.25 : 0.12 };
}

darkScreen.addEventListener("change", () => {
  views.forEach(dress);
  colourPoints();
  showSweeps();
});
