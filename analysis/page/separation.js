"use strict";

// Pairs of listed degradations

const CHANCE_AUC = 0.5;
let chosenPair = null; // the clicked cell of the heatmap, and its patches while they are selected

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
  const side = Math.max(14, Math.min(30, Math.floor(700 / names.length)));
  const corner = element("th", { className: "corner" });
  corner.append("column: the other", element("br"), "degradation →", element("br"), "row: the patch's ↓");
  const top = names.map((name) => element("th", { scope: "col" }, element("span", { title: name }, name)));
  const lines = separation.map((values, row) => {
    const cells = values.map((value, column) => heatmapCell(value, row, column, side));
    return element("tr", {}, element("th", { scope: "row", title: names[row] }, names[row]), ...cells);
  });
  const table = element("table", { className: "heat", onkeydown: moveInHeatmap });
  table.append(element("thead", {}, element("tr", {}, corner, ...top)), element("tbody", {}, ...lines));
  byId("heatmap").append(table);
  const first = table.querySelector("tbody td:not(.same)");
  if (first) first.tabIndex = 0; // the others by the arrow keys
  byId("separation-title").textContent = `Pairwise separation of degradations: ${encoder}`;
  byId("below-chance").hidden = !separation.flat().some((value) => value !== null && value < CHANCE_AUC);
  byId("separation").querySelector(".bar").style.background = gradient(data.scale);
}

function heatmapCell(value, row, column, side) {
  const cell = element("td", { className: row === column ? "same" : "" });
  Object.assign(cell.style, { width: `${side}px`, minWidth: `${side}px`, height: `${side}px` });
  if (row === column) return cell;
  const share = (value - CHANCE_AUC) / (1 - CHANCE_AUC);
  cell.style.backgroundColor = value === null ? NO_VALUE_COLOUR : colourOnScale(data.scale, share);
  if (value !== null && value < CHANCE_AUC) cell.className = "below";
  const [first, second] = [row, column].map((at) => data.degradation.names[at]);
  cell.title = `${first} vs. ${second}: AUC ${value === null ? "–" : value.toFixed(3)}`;
  cell.ariaLabel = cell.title;
  cell.tabIndex = -1;
  if (side >= 28 && value !== null) {
    cell.textContent = value.toFixed(2);
    cell.style.color = share < 0.6 ? "#fff" : "#000";
  }
  cell.onclick = () => selectPair(row, column, cell);
  cell.onfocus = () => (byId("pair").textContent = cell.title);
  return cell;
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function moveInHeatmap(event) {
  const cell = event.target.closest("tbody td");
  if (!cell) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    return cell.click();
  }
  if (!(event.key in ARROWS)) return;
  event.preventDefault();
  const [down, right] = ARROWS[event.key];
  const lines = [...cell.closest("tbody").rows];
  let [row, column] = [lines.indexOf(cell.parentElement), cell.cellIndex];
  do {
    [row, column] = [row + down, column + right];
  } while (lines[row]?.cells[column]?.className === "same"); // the diagonal has no pair
  const next = column > 0 ? lines[row]?.cells[column] : null;
  if (!next) return;
  [cell.tabIndex, next.tabIndex] = [-1, 0];
  next.focus();
}

function selectPair(row, column, cell) {
  const label = data.degradation.index;
  select([...label.keys()].filter((patch) => label[patch] === row || label[patch] === column));
  chosenPair = { cell, rows: selected() };
  showSelection();
}

function markCell() {
  document.querySelector(".heat .chosen")?.classList.remove("chosen");
  if (chosenPair && selected() !== chosenPair.rows) {
    chosenPair = null;
    byId("pair").textContent = "";
  }
  chosenPair?.cell.classList.add("chosen");
  if (chosenPair) byId("pair").textContent = `${chosenPair.cell.title} (both selected on the map)`;
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
  const name = data.degradation.names[degradation];
  return element("button", { type: "button", title: `select the patches of ${name}`, onclick: () => select(rows) },
    element("span", { className: "name" }, name),
    element("span", { className: "track" }, bar),
    element("span", { className: "count" }, text));
}
