"use strict";

// Colours of the points, and their legend

const NO_VALUE_COLOUR = "#b4b9c0"; // for values that are not defined and degradations that are not listed
// instead of those that would vanish on a dark screen, or stand out on it
const ON_DARK = { "#000000": "#ffffff", "#7f0000": "#f07070", "#0072b2": "#3a9fe0", [NO_VALUE_COLOUR]: "#6b737d" };
const FAINT = "60"; // opacity of the patches beside a path
const MARKERS = {
  circle: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0",
  triangle: "M0 -6L6 5H-6Z",
  square: "M-5 -5H5V5H-5Z",
  star: "M0 -6L1.5 -2H6L2.3 1L3.7 5L0 2.5L-3.7 5L-2.3 1L-6 -2H-1.5Z",
  inverted_triangle: "M0 6L6 -5H-6Z",
  diamond: "M0 -6L4.5 0L0 6L-4.5 0Z",
  plus: "M-2 -6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
};
const colourings = [data.family, data.degradation, ...data.parameters, data.image, ...data.sweeps].filter(Boolean);
// the map's, with x and y later
const columns = { color: Array(count).fill(NO_VALUE_COLOUR), marker: Array(count).fill("circle") };

function markerOf(category, index) {
  return index < 0 ? "circle" : category.markers[index];
}

function colourOf(category, index) {
  return onScreen(index < 0 ? NO_VALUE_COLOUR : category.colours[index]);
}

function onScreen(colour) {
  return (darkScreen.matches && ON_DARK[colour]) || colour;
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

function colourOfValue(parameter) {
  const [low, high] = rangeOf(parameter);
  const scale = scaleOf(parameter);
  const share = (value) => (high > low ? (value - low) / (high - low) : 0.5);
  const none = onScreen(NO_VALUE_COLOUR) + (data.sweeps.includes(parameter) ? FAINT : "");
  return (value) => (value === null ? none : colourOnScale(scale, share(value)));
}

function colouring() {
  return colourings[Number(byId("colour-menu").value)];
}

function colourPoints() {
  const chosen = colouring();
  if (chosen.index) {
    columns.color = chosen.index.map((index) => colourOf(chosen, index));
    columns.marker = chosen.index.map((index) => markerOf(chosen, index));
  } else {
    columns.color = chosen.values.map(colourOfValue(chosen));
    columns.marker = Array(count).fill("circle");
  }
  drawPoints();
  showLegend();
}

function showLegend() {
  const chosen = colouring();
  byId("legend-title").textContent = chosen.name;
  byId("legend").replaceChildren(...(chosen.index ? [categoryList(chosen)] : colourBar(chosen)));
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
  const unit = element("p", { className: "soft", hidden: !parameter.unit, textContent: parameter.unit ?? "" });
  return [bar, element("div", { className: "ticks" }, ...ticks), unit, note];
}
