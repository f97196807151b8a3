"use strict";

async function start() {
  byId("map-menu").append(...data.maps.map((map, at) => option(map.name, at)));
  byId("map-menu").parentElement.hidden = data.maps.length < 2;
  byId("second-menu").append(option("none", ""), ...data.maps.map((map, at) => option(map.name, at)));
  byId("second-menu").parentElement.hidden = data.maps.length < 2;
  byId("colour-menu").append(...colourings.map((colouring, at) => option(colouring.name, at)));
  byId("colour-menu").value = data.default_colouring;
  byId("path-menu").append(option("none", ""), ...data.sweeps.map((sweep, at) => option(sweep.name, at)));
  byId("path-menu").parentElement.hidden = data.sweeps.length === 0;
  addVerdict();
  addFilters();
  addScores();
  await openView("figure-data", "map", "map-menu", "map-title");
  await restoreState();
  byId("map-menu").onchange = () => (showFirstMap(), storeState());
  byId("second-menu").onchange = async () => (await showSecondMap(), storeState());
  byId("colour-menu").onchange = () => (colourPoints(), storeState());
  byId("path-menu").onchange = () => choosePath(byId("path-menu").value);
  byId("density").onchange = () => (showDensity(), storeState());
  byId("clear-selection").onclick = () => select([]);
  byId("save-selection").onclick = saveSelection;
  document.addEventListener("keydown", ({ key }) => key === "Escape" && selected().length && select([]));
  document.documentElement.dataset.state = "ready";
}

start().catch((error) => {
  Object.assign(byId("failure"), { hidden: false, textContent: `The map could not be drawn: ${error.message}` });
  console.error(error);
});
