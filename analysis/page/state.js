"use strict";

// What is chosen, in the hash of the address: a copied address opens the same look

const MENUS = { map: "map-menu", second: "second-menu", colour: "colour-menu", path: "path-menu" };
let isRestoring = true;

function storeState() {
  document.querySelectorAll("select").forEach((menu) => (menu.title = menu.selectedOptions[0]?.text ?? "")); // if cut
  if (isRestoring) return;
  const state = new URLSearchParams();
  for (const [key, id] of Object.entries(MENUS)) {
    if (byId(id).value !== byId(id).dataset.first) state.set(key, byId(id).value);
  }
  if (byId("density").checked) state.set("density", 1);
  const boxes = [...byId("families").querySelectorAll("input")];
  const hidden = boxes.filter((box) => !box.checked).map((box) => Number(box.value));
  if (hidden.length) state.set("without", asRanges(hidden));
  sliders.forEach(({ from, to }, at) => {
    if (Number(from.value) > 0 || Number(to.value) < SLIDER_STEPS) state.set(`range${at}`, `${from.value}-${to.value}`);
  });
  if (selected().length) state.set("selected", asRanges([...selected()].sort((a, b) => a - b)));
  const hash = state.toString().replaceAll("%2C", ",");
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", `#${hash}`);
}

async function restoreState() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const [key, id] of Object.entries(MENUS)) {
    byId(id).dataset.first = byId(id).value;
    if ([...byId(id).options].some((one) => one.value === state.get(key))) byId(id).value = state.get(key);
  }
  byId("density").checked = state.has("density");
  const hidden = new Set(fromRanges(state.get("without") ?? "", data.family.names.length));
  byId("families").querySelectorAll("input").forEach((box) => (box.checked = !hidden.has(Number(box.value))));
  sliders.forEach(({ from, to }, at) => {
    const [first, last] = (state.get(`range${at}`) ?? "").split("-");
    if (last !== undefined) [from.value, to.value] = [first, last];
  });
  colourPoints();
  showFirstMap();
  applyFilters();
  await showSecondMap();
  select(fromRanges(state.get("selected") ?? "", count));
  isRestoring = false;
  storeState();
}

// ascending whole numbers as text, such as 3-5,9
function asRanges(numbers) {
  const ranges = [];
  for (const number of numbers) {
    if (ranges.length && ranges.at(-1)[1] === number - 1) ranges.at(-1)[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(",");
}

function fromRanges(text, limit) {
  return text.split(",").filter(Boolean).flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    if (!(first >= 0 && last < limit)) return []; // of another page, or not a number
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}
