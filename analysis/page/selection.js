"use strict";

// Selection

function showSelection() {
  const selected = source.selected.indices;
  const rows = (selected.length ? selected : [...isShown.keys()]).filter((row) => isShown[row]);
  const images = new Set(rows.map((row) => data.image.index[row])).size;
  const numbers = `${grouped(rows.length)} patches of ${grouped(images)} image${images === 1 ? "" : "s"}`;
  byId("selection-title").textContent = `${selected.length ? "Selected" : "Nothing selected; shown"}: ${numbers}`;
  byId("clear-selection").style.visibility = selected.length ? "visible" : "hidden";
  const shares = data.family.names.map((name, one) => {
    const number = rows.filter((row) => data.family.index[row] === one).length;
    return [number, `${name} ${Math.round((100 * number) / rows.length)} % (${grouped(number)})`];
  });
  const largest = shares.filter(([number]) => number > 0).sort((a, b) => b[0] - a[0]);
  byId("shares").replaceChildren(...largest.map(([, words]) => element("span", {}, words)));
  byId("selection").replaceChildren(patchTable(rows.sort((a, b) => a - b)));
  markCell();
}

function patchTable(rows) {
  const values = data.parameters.map((parameter) => finite(rows.map((row) => parameter.values[row])));
  const cellOf = (tag, content, at) => element(tag, { className: at > 2 ? "number" : "" }, ...[content].flat());
  const line = (tag, className, cells) =>
    element("tr", { className }, ...cells.map((content, at) => cellOf(tag, content, at)));
  const means = data.parameters.map((parameter, at) => written(parameter, meanOf(values[at], parameter.period)));
  const spans = data.parameters.map((parameter, at) => {
    return values[at].length ? rangeWritten(parameter, ...extent(values[at])) : written(parameter, null);
  });
  const names = data.parameters.map((parameter) => parameter.name);
  const head = element("thead", {}, line("th", "", ["patch", data.words.name, "image", ...names]));
  if (names.length) {
    head.append(line("td", "mean", ["", "mean", "", ...means]), line("td", "mean", ["", "range", "", ...spans]));
  }
  const body = rows.slice(0, ROWS_SHOWN).map((row) =>
    line("td", "", [
      patchImage(row, 44), nameIn(data.words, row), breakable(nameIn(data.image, row)),
      ...data.parameters.map((parameter) => written(parameter, parameter.values[row])),
    ]),
  );
  const remark = rows.length ? `and ${grouped(rows.length - ROWS_SHOWN)} more` : "no patch";
  if (rows.length === 0 || rows.length > ROWS_SHOWN) {
    body.push(element("tr", {}, element("td", { colSpan: 3 + names.length, className: "soft", textContent: remark })));
  }
  return element("table", { className: "list" }, head, element("tbody", {}, ...body));
}

function meanOf(values, period) {
  if (values.length === 0) return null;
  const mean = (of) => of.reduce((sum, value) => sum + value, 0) / of.length;
  if (!period) return mean(values);
  const turn = (2 * Math.PI) / period;
  const sine = mean(values.map((value) => Math.sin(turn * value)));
  const cosine = mean(values.map((value) => Math.cos(turn * value)));
  if (Math.hypot(sine, cosine) < 0.05) return null; // as many one way as the other
  return (((Math.atan2(sine, cosine) / turn) % period) + period) % period;
}

// The patch that is pointed at

function showCard(rows, pointer) {
  const card = byId("card");
  const row = rows.filter((one) => isShown[one]).at(-1); // drawn last, hence on top
  card.hidden = row === undefined;
  if (card.hidden) return;
  const facts = element("dl");
  for (const parameter of data.parameters.filter(({ values }) => values[row] !== null)) {
    facts.append(element("dt", {}, parameter.name), element("dd", {}, written(parameter, parameter.values[row])));
  }
  const side = data.side * Math.max(1, Math.round(CARD_SIDE / data.side));
  const below = rows.length > 1 ? `${rows.length - 1} more under the pointer` : "";
  card.replaceChildren(
    patchImage(row, side), element("b", {}, nameIn(data.words, row)), ...breakable(nameIn(data.image, row)), facts,
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

// of the map that is shown; where there is but one matrix it stays, under the name of the encoder that it is of
function showSeparation(map) {
  const known = Object.keys(data.separations);
  const of = known.length === 1 ? known[0] : map;
  const isThere = Boolean(data.degradation) && known.includes(of);
  byId("separation").hidden = !isThere;
  byId("heatmap").replaceChildren();
  chosenPair = null;
  byId("pair").textContent = "";
  if (isThere) addHeatmap(data.separations[of], data.encoders[of]);
}

function addHeatmap(separation, encoder) {
  const names = data.degradation.names;
  const side = Math.max(12, Math.min(30, Math.floor(500 / names.length)));
  const corner = element("th");
  const top = names.map((name) => element("th", {}, element("span", {}, name)));
  const lines = separation.map((values, row) => {
    const cells = values.map((value, column) => cell(value, row, column, side));
    return element("tr", {}, element("th", {}, names[row]), ...cells);
  });
  const table = element("table", { className: "heat" });
  table.append(element("thead", {}, element("tr", {}, corner, ...top)), element("tbody", {}, ...lines));
  byId("heatmap").append(table);
  byId("separation-title").textContent = `How well two degradations are told apart: ${encoder}`;
  byId("below-chance").hidden = !separation.flat().some((value) => value !== null && value < WORST_AUC);
  byId("separation").querySelector(".bar").style.background = gradient(data.separation_scale);
}

function cell(value, row, column, side) {
  const made = element("td", { className: row === column ? "same" : "" });
  Object.assign(made.style, { width: `${side}px`, minWidth: `${side}px`, height: `${side}px` });
  if (row === column) return made;
  const share = (value - WORST_AUC) / (1 - WORST_AUC);
  made.style.backgroundColor = value === null ? GRAY : onScale(data.separation_scale, share);
  if (value !== null && value < WORST_AUC) made.className = "below";
  const [one, other] = [row, column].map((at) => data.degradation.names[at]);
  made.title = `${one} against ${other}: AUC ${value === null ? "–" : value.toFixed(3)}`;
  if (side >= 28 && value !== null) {
    made.textContent = value.toFixed(2);
    made.style.color = share < 0.5 ? "#fff" : "#000";
  }
  made.onclick = () => selectPair(row, column, made);
  return made;
}

function selectPair(row, column, cell) {
  const listed = data.degradation.index;
  select([...listed.keys()].filter((one) => listed[one] === row || listed[one] === column));
  chosenPair = { cell, rows: source.selected.indices };
  showSelection();
}

function markCell() {
  document.querySelector(".heat .chosen")?.classList.remove("chosen");
  if (chosenPair && source.selected.indices !== chosenPair.rows) chosenPair = null;
  chosenPair?.cell.classList.add("chosen");
  byId("pair").textContent = chosenPair ? `${chosenPair.cell.title}; both are selected on the map` : "";
}

// Silhouettes of the listed degradations, the worst at the top

function showSilhouettes(map) {
  const values = data.silhouettes[map] ?? [];
  byId("silhouettes").hidden = values.length === 0;
  byId("silhouettes-title").textContent = `Silhouette of each degradation, worst first: ${data.encoders[map]}`;
  byId("silhouette-bars").replaceChildren(...values.map(([one, value]) => silhouetteBar(one, value)));
}

function silhouetteBar(one, value) {
  const of = [...data.degradation.index.keys()].filter((row) => data.degradation.index[row] === one);
  const bar = element("i", { className: value < 0 ? "worse" : "" });
  const [low, high] = [Math.min(value ?? 0, 0), Math.max(value ?? 0, 0)];
  Object.assign(bar.style, { left: `${50 * (1 + low)}%`, width: `${50 * (high - low)}%` });
  const written = value === null ? "not defined" : value.toFixed(2).replace(/^-(?!0\.00)/, "\u2212").replace("-0.00", "0.00");
  return element("button", { type: "button", title: "select its patches on the map", onclick: () => select(of) },
    element("span", { className: "name" }, data.degradation.names[one]), element("span", { className: "track" }, bar),
    element("span", { className: "count" }, written));
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
    byId("scores").append(element("h2", {}, "Differences; gray with ~: the choice of images may explain it"));
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
