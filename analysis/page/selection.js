"use strict";

// Selection

function showSelection() {
  const selected = source.selected.indices;
  const rows = (selected.length ? selected : [...isShown.keys()]).filter((row) => isShown[row]);
  const images = new Set(rows.map((row) => data.image.index[row])).size;
  const counts = `${countOf(rows.length, "patch", "patches")} from ${countOf(images, "image", "images")}`;
  byId("selection-title").textContent = selected.length ? `Selected: ${counts}` : `Nothing selected: showing ${counts}`;
  byId("clear-selection").style.visibility = selected.length ? "visible" : "hidden";
  const shares = data.family.names.map((name, family) => {
    const number = rows.filter((row) => data.family.index[row] === family).length;
    return [number, `${name} ${Math.round((100 * number) / rows.length)} % (${formatCount(number)})`];
  });
  const largest = shares.filter(([number]) => number > 0).sort((a, b) => b[0] - a[0]);
  byId("shares").replaceChildren(...largest.map(([, text]) => element("span", {}, text)));
  byId("selection").replaceChildren(patchTable(rows.sort((a, b) => a - b)));
  markCell();
}

function patchTable(rows) {
  const values = data.parameters.map((parameter) => finiteValues(rows.map((row) => parameter.values[row])));
  const cellOf = (tag, content, at) => element(tag, { className: at > 2 ? "number" : "" }, ...[content].flat());
  const line = (tag, className, cells) =>
    element("tr", { className }, ...cells.map((content, at) => cellOf(tag, content, at)));
  const means = data.parameters.map((parameter, at) => formatValue(parameter, meanOf(values[at], parameter.period)));
  const spans = data.parameters.map((parameter, at) => {
    return values[at].length ? formatRange(parameter, ...extent(values[at])) : formatValue(parameter, null);
  });
  const names = data.parameters.map((parameter) => parameter.name);
  const head = element("thead", {}, line("th", "", ["patch", data.words.name, "image", ...names]));
  if (names.length) {
    head.append(line("td", "mean", ["", "mean", "", ...means]), line("td", "mean", ["", "range", "", ...spans]));
  }
  const body = rows.slice(0, MAX_ROWS).map((row) =>
    line("td", "", [
      patchImage(row, 44), nameIn(data.words, row), withLineBreaks(nameIn(data.image, row)),
      ...data.parameters.map((parameter) => formatValue(parameter, parameter.values[row])),
    ]),
  );
  const remark = rows.length ? `and ${formatCount(rows.length - MAX_ROWS)} more` : "no patches";
  if (rows.length === 0 || rows.length > MAX_ROWS) {
    body.push(element("tr", {}, element("td", { colSpan: 3 + names.length, className: "soft", textContent: remark })));
  }
  return element("table", { className: "list" }, head, element("tbody", {}, ...body));
}

function meanOf(values, period) {
  if (values.length === 0) return null;
  const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  if (!period) return mean(values);
  const turn = (2 * Math.PI) / period;
  const sine = mean(values.map((value) => Math.sin(turn * value)));
  const cosine = mean(values.map((value) => Math.cos(turn * value)));
  if (Math.hypot(sine, cosine) < 0.05) return null; // the angles cancel: their mean is not defined
  return (((Math.atan2(sine, cosine) / turn) % period) + period) % period;
}

// The patch under the pointer

function showCard(rows, pointer) {
  const card = byId("card");
  const row = rows.filter((candidate) => isShown[candidate]).at(-1); // drawn last, hence on top
  card.hidden = row === undefined;
  if (card.hidden) return;
  const facts = element("dl");
  for (const parameter of data.parameters.filter(({ values }) => values[row] !== null)) {
    facts.append(element("dt", {}, parameter.name), element("dd", {}, formatValue(parameter, parameter.values[row])));
  }
  const side = data.side * Math.max(1, Math.round(CARD_SIDE / data.side));
  const below = rows.length > 1 ? `${rows.length - 1} more under the pointer` : "";
  card.replaceChildren(
    patchImage(row, side), element("b", {}, nameIn(data.words, row)), ...withLineBreaks(nameIn(data.image, row)), facts,
    element("div", { className: "soft" }, below),
  );
  card.style.width = `${Math.max(side, CARD_SIDE) + 18}px`;
  const { width, height } = card.getBoundingClientRect();
  const left = pointer.x + 18 + width > innerWidth ? pointer.x - 18 - width : pointer.x + 18;
  card.style.left = `${Math.max(4, left)}px`;
  card.style.top = `${Math.max(4, Math.min(pointer.y - height / 3, innerHeight - height - 4))}px`;
}

function followPointer() {
  const pointer = { x: 0, y: 0 };
  const follow = ({ clientX, clientY }) => Object.assign(pointer, { x: clientX, y: clientY });
  byId("map").addEventListener("pointermove", follow, true);
  byId("map").addEventListener("pointerleave", () => (byId("card").hidden = true));
  source.inspect.connect(() => showCard(source.inspected.indices, pointer));
}

// Pairs of listed degradations

// follows the selected map; a single matrix is always shown, under the name of its encoder
function showSeparation(map) {
  const available = Object.keys(data.separations);
  const key = available.length === 1 ? available[0] : map;
  const isAvailable = Boolean(data.degradation) && available.includes(key);
  byId("separation").hidden = !isAvailable;
  byId("heatmap").replaceChildren();
  chosenPair = null;
  byId("pair").textContent = "";
  if (isAvailable) addHeatmap(data.separations[key], data.encoders[key]);
}

function addHeatmap(separation, encoder) {
  const names = data.degradation.names;
  const side = Math.max(12, Math.min(30, Math.floor(500 / names.length)));
  const corner = element("th");
  const top = names.map((name) => element("th", {}, element("span", {}, name)));
  const lines = separation.map((values, row) => {
    const cells = values.map((value, column) => heatmapCell(value, row, column, side));
    return element("tr", {}, element("th", {}, names[row]), ...cells);
  });
  const table = element("table", { className: "heat" });
  table.append(element("thead", {}, element("tr", {}, corner, ...top)), element("tbody", {}, ...lines));
  byId("heatmap").append(table);
  byId("separation-title").textContent = `Pairwise separation of degradations: ${encoder}`;
  byId("below-chance").hidden = !separation.flat().some((value) => value !== null && value < CHANCE_AUC);
  byId("separation").querySelector(".bar").style.background = gradient(data.separation_scale);
}

function heatmapCell(value, row, column, side) {
  const cell = element("td", { className: row === column ? "same" : "" });
  Object.assign(cell.style, { width: `${side}px`, minWidth: `${side}px`, height: `${side}px` });
  if (row === column) return cell;
  const share = (value - CHANCE_AUC) / (1 - CHANCE_AUC);
  cell.style.backgroundColor = value === null ? NO_VALUE_COLOUR : colourOnScale(data.separation_scale, share);
  if (value !== null && value < CHANCE_AUC) cell.className = "below";
  const [first, second] = [row, column].map((at) => data.degradation.names[at]);
  cell.title = `${first} vs. ${second}: AUC ${value === null ? "–" : value.toFixed(3)}`;
  if (side >= 28 && value !== null) {
    cell.textContent = value.toFixed(2);
    cell.style.color = share < 0.5 ? "#fff" : "#000";
  }
  cell.onclick = () => selectPair(row, column, cell);
  return cell;
}

function selectPair(row, column, cell) {
  const label = data.degradation.index;
  select([...label.keys()].filter((patch) => label[patch] === row || label[patch] === column));
  chosenPair = { cell, rows: source.selected.indices };
  showSelection();
}

function markCell() {
  document.querySelector(".heat .chosen")?.classList.remove("chosen");
  if (chosenPair && source.selected.indices !== chosenPair.rows) chosenPair = null;
  chosenPair?.cell.classList.add("chosen");
  byId("pair").textContent = chosenPair ? `${chosenPair.cell.title} (both selected on the map)` : "";
}

// Silhouettes of the listed degradations, the worst at the top

function showSilhouettes(map) {
  const values = data.silhouettes[map] ?? [];
  byId("silhouettes").hidden = values.length === 0;
  byId("silhouettes-title").textContent = `Silhouette of each degradation, worst first: ${data.encoders[map]}`;
  byId("silhouette-bars").replaceChildren(...values.map(([degradation, value]) => silhouetteBar(degradation, value)));
}

function silhouetteBar(degradation, value) {
  const label = data.degradation.index;
  const rows = [...label.keys()].filter((row) => label[row] === degradation);
  const bar = element("i", { className: value < 0 ? "negative" : "" });
  const [low, high] = [Math.min(value ?? 0, 0), Math.max(value ?? 0, 0)];
  Object.assign(bar.style, { left: `${50 * (1 + low)}%`, width: `${50 * (high - low)}%` });
  const signed = (number) => number.toFixed(2).replace(/^-(?!0\.00)/, "\u2212").replace("-0.00", "0.00");
  const text = value === null ? "not defined" : signed(value);
  return element("button", { type: "button", title: "select its patches on the map", onclick: () => select(rows) },
    element("span", { className: "name" }, data.degradation.names[degradation]),
    element("span", { className: "track" }, bar),
    element("span", { className: "count" }, text));
}

// Scores

function scoreTable([head, ...rows]) {
  const cellOf = (tag, text) => element(tag, { className: text.endsWith(" ~") ? "unclear" : "" }, text.trim());
  const line = (tag, cells) => element("tr", {}, ...cells.map((text) => cellOf(tag, text)));
  const table = element("table", { className: "scores" });
  table.append(element("thead", {}, line("th", head ?? [])));
  table.append(element("tbody", {}, ...rows.map((row) => line("td", row))));
  return table;
}

function addScores() {
  byId("scores").append(scoreTable(data.score_rows));
  if (data.differences.length) {
    byId("scores").append(element("h2", {}, "Differences (gray, ~: the choice of images may explain them)"));
    byId("scores").append(scoreTable(data.differences));
  }
  byId("captions").append(...data.captions.map((caption) => element("p", {}, caption)));
}

async function start() {
  await Bokeh.embed.embed_item(JSON.parse(byId("figure-data").textContent), "map");
  const model = (name) => Bokeh.documents.at(-1).get_model_by_name(name);
  [source, filter, plot] = [model("points"), model("filter"), model("plot")];
  byId("map-menu").append(...data.maps.map((map, at) => option(map.name, at)));
  byId("map-menu").parentElement.hidden = data.maps.length < 2;
  byId("map-menu").onchange = showMap;
  byId("colour-menu").append(...colourings.map((colouring, at) => option(colouring.name, at)));
  byId("colour-menu").onchange = colourPoints;
  byId("clear-selection").onclick = () => select([]);
  addFilters();
  addScores();
  showMap();
  colourPoints();
  applyFilters();
  followPointer();
  source.selected.properties.indices.change.connect(showSelection);
  document.documentElement.dataset.state = "ready";
}

start().catch((error) => {
  Object.assign(byId("failure"), { hidden: false, textContent: `The map could not be drawn: ${error.message}` });
  console.error(error);
});
