"use strict";

const NO_VALUE_COLOUR = "#b4b9c0"; // for values that are not defined and degradations that are not listed
const MAX_ROWS = 200; // in the table of the selected patches
const SLIDER_STEPS = 200;
const CARD_SIDE = 192; // screen pixels, of the patch under the pointer
const MAX_STRETCH = 2; // of the scales of the two axes of the map
const CHANCE_AUC = 0.5;
const MARKERS = {
  circle: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0",
  triangle: "M0 -6L6 5H-6Z",
  square: "M-5 -5H5V5H-5Z",
  star: "M0 -6L1.5 -2H6L2.3 1L3.7 5L0 2.5L-3.7 5L-2.3 1L-6 -2H-1.5Z",
  inverted_triangle: "M0 6L6 -5H-6Z",
  diamond: "M0 -6L4.5 0L0 6L-4.5 0Z",
  plus: "M-2 -6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
};

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("page-data").textContent);
const count = data.patches.length;
const colourings = [data.family, data.degradation, ...data.parameters, data.image].filter(Boolean);
// the map's, with x and y later
const columns = { color: Array(count).fill(NO_VALUE_COLOUR), marker: Array(count).fill("circle") };
const sliders = [];
let source, filter, plot; // Bokeh models
let isShown = Array(count).fill(true); // which patches pass the filters
let chosenPair = null; // the clicked cell of the heatmap, and its patches while they are selected

function element(tag, properties = {}, ...children) {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...children);
  return created;
}

function option(name, value) {
  return element("option", { value, textContent: name });
}

function formatValue(parameter, value) {
  return value === null ? "–" : String(Number(value.toFixed(parameter.decimals)));
}

function formatRange(parameter, low, high) {
  return [...new Set([low, high].map((value) => formatValue(parameter, value)))].join(" – ");
}

function formatCount(number) {
  return number.toLocaleString("en");
}

function countOf(number, singular, plural) {
  return `${formatCount(number)} ${number === 1 ? singular : plural}`;
}

function nameIn(category, row) {
  return category.index[row] < 0 ? "not listed" : category.names[category.index[row]];
}

function patchImage(row, side) {
  return element("img", { src: `data:image/webp;base64,${data.patches[row]}`, width: side, height: side, alt: "" });
}

function withLineBreaks(path) {
  return path.split("/").flatMap((part, at) => (at ? ["/", element("wbr"), part] : [part]));
}

function finiteValues(values) {
  return values.filter((value) => value !== null);
}

function extent(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

// Colours

function markerOf(category, index) {
  return index < 0 ? "circle" : category.markers[index];
}

function colourOf(category, index) {
  return index < 0 ? NO_VALUE_COLOUR : category.colours[index];
}

function colourOnScale(scale, share) {
  return scale[Math.round(Math.min(Math.max(share, 0), 1) * (scale.length - 1))];
}

function gradient(scale) {
  return `linear-gradient(to right, ${scale.filter((_, step) => step % 15 === 0).join(", ")})`;
}

function scaleOf(parameter) {
  return parameter.period ? data.cyclic_scale : data.scale;
}

// the scale of an angle is cyclic
function rangeOf(parameter) {
  return parameter.period ? [0, parameter.period] : extent(finiteValues(parameter.values));
}

function colourPoints() {
  const colouring = colourings[Number(byId("colour-menu").value)];
  if (colouring.index) {
    columns.color = colouring.index.map((index) => colourOf(colouring, index));
    columns.marker = colouring.index.map((index) => markerOf(colouring, index));
  } else {
    const [low, high] = rangeOf(colouring);
    const share = (value) => (high > low ? (value - low) / (high - low) : 0.5);
    const scale = scaleOf(colouring);
    const colour = (value) => (value === null ? NO_VALUE_COLOUR : colourOnScale(scale, share(value)));
    columns.color = colouring.values.map(colour);
    columns.marker = Array(count).fill("circle");
  }
  source.data = { ...columns };
  showLegend();
}

function showLegend() {
  const colouring = colourings[Number(byId("colour-menu").value)];
  byId("legend-title").textContent = colouring.name;
  byId("legend").replaceChildren(...(colouring.index ? [categoryList(colouring)] : colourBar(colouring)));
}

function categoryList(category) {
  const rowsOf = new Map(category.names.map((_, index) => [index, []]));
  if (category.index.some((index) => index < 0)) rowsOf.set(-1, []);
  category.index.forEach((index, row) => rowsOf.get(index).push(row));
  const entries = [...rowsOf].map(([index, rows]) => {
    const title = "select its patches on the map";
    const entry = element("button", { type: "button", title, onclick: () => select(rows) });
    const symbol = `<path d="${MARKERS[markerOf(category, index)]}" fill="${colourOf(category, index)}"/>`;
    entry.innerHTML = `<svg viewBox="-7 -7 14 14">${symbol}</svg>`;
    const number = formatCount(rows.filter((row) => isShown[row]).length);
    entry.append(
      element("span", { className: "name", textContent: index < 0 ? "not listed" : category.names[index] }),
      element("span", { className: "count", textContent: number }),
    );
    return entry;
  });
  return element("div", { className: entries.length > 8 ? "legend" : "legend single" }, ...entries);
}

function colourBar(parameter) {
  const [low, high] = rangeOf(parameter);
  const bar = element("div", { className: "bar" });
  bar.style.background = gradient(scaleOf(parameter));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const tick = element("span", {}, formatValue(parameter, low + share * (high - low)));
    Object.assign(tick.style, { left: `${100 * share}%`, transform: `translateX(-${100 * share}%)` });
    return tick;
  });
  const without = count - finiteValues(parameter.values).length;
  const note = element("p", { className: "soft", hidden: without === 0 });
  note.append(element("span", { className: "gray" }), `not defined (${countOf(without, "patch", "patches")})`);
  return [bar, element("div", { className: "ticks" }, ...ticks), note];
}

// Map

function showMap() {
  const map = data.maps[Number(byId("map-menu").value)];
  Object.assign(columns, { x: map.x, y: map.y });
  source.data = { ...columns };
  const extents = [extent(map.x), extent(map.y)];
  const longest = Math.max(...extents.map(([low, high]) => high - low)) || 1;
  [plot.x_range, plot.y_range].forEach((range, axis) => {
    const [low, high] = extents[axis];
    const half = 0.54 * Math.max(high - low, longest / MAX_STRETCH);
    const [start, end] = [(low + high) / 2 - half, (low + high) / 2 + half];
    range.setv({ start, end, reset_start: start, reset_end: end });
  });
  byId("map-title").textContent = map.name;
  showSeparation(map.name);
  showSilhouettes(map.name);
}

function select(rows) {
  source.selected.indices = rows;
}

// Filters

function addFilters() {
  const sizes = data.family.names.map((_, family) => data.family.index.filter((index) => index === family).length);
  data.family.names.forEach((name, family) => {
    const box = element("input", { type: "checkbox", checked: true, value: family, onchange: applyFilters });
    const number = element("span", { className: "count", textContent: formatCount(sizes[family]) });
    byId("families").append(element("label", {}, box, name, number));
  });
  data.parameters.forEach(addSlider);
  byId("reset-filters").onclick = () => {
    byId("families").querySelectorAll("input").forEach((box) => (box.checked = true));
    sliders.forEach(({ from, to }) => ([from.value, to.value] = [0, SLIDER_STEPS]));
    applyFilters();
  };
}

function addSlider(parameter) {
  const [low, high] = extent(finiteValues(parameter.values));
  if (!(high > low)) return;
  const end = (value, label) =>
    element("input", { type: "range", max: SLIDER_STEPS, value, oninput: applyFilters, ariaLabel: label });
  const from = end(0, `minimum of ${parameter.name}`);
  const to = end(SLIDER_STEPS, `maximum of ${parameter.name}`);
  const output = element("output");
  const title = "patches without a value are hidden once a handle is moved";
  const line = element("div", { className: "range", title });
  line.append(element("span", {}, parameter.name), element("div", { className: "slider" }, from, to), output);
  byId("ranges").append(line);
  sliders.push({ parameter, low, high, from, to, output });
}

function limitsOf({ parameter, low, high, from, to, output }) {
  const [first, last] = [Number(from.value), Number(to.value)].sort((a, b) => a - b);
  const at = (step) => low + (step / SLIDER_STEPS) * (high - low);
  output.textContent = formatRange(parameter, at(first), at(last));
  return [first > 0 || last < SLIDER_STEPS, at(first - 1e-6), at(last + 1e-6)];
}

function applyFilters() {
  const checked = [...byId("families").querySelectorAll("input")].map((box) => box.checked);
  isShown = data.family.index.map((index) => checked[index]);
  for (const slider of sliders) {
    const [isMoved, low, high] = limitsOf(slider);
    if (!isMoved) continue;
    slider.parameter.values.forEach((value, row) => {
      isShown[row] &&= value !== null && value >= low && value <= high;
    });
  }
  filter.indices = [...isShown.keys()].filter((row) => isShown[row]);
  showLegend();
  showSelection();
}
