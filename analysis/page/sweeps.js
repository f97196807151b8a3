"use strict";

// One parameter that varies, others fixed: paths on the map, and the distance over the parameter

const PLOT = { width: 300, height: 170, left: 34, right: 14, top: 8, bottom: 30 };

function chosenSweep() {
  const value = byId("path-menu").value;
  return value === "" ? null : data.sweeps[Number(value)];
}

function choosePath(at) {
  byId("path-menu").value = at;
  const sweep = chosenSweep();
  if (sweep) byId("colour-menu").value = colourings.indexOf(sweep);
  else if (data.sweeps.includes(colouring())) byId("colour-menu").value = data.default_colouring;
  colourPoints();
  showPaths();
  showSweeps();
  storeState();
}

// a segment between each two neighbouring values, in the colour of their mean
function showPaths() {
  const sweep = chosenSweep();
  for (const view of views) {
    const drawn = { x0: [], y0: [], x1: [], y1: [], color: [] };
    const { x, y } = mapOf(view);
    const colour = sweep && colourOfValue(sweep);
    for (const path of sweep ? sweep.paths : []) {
      for (let at = 1; at < path.length; at++) {
        const [from, to] = [path[at - 1], path[at]];
        drawn.x0.push(x[from]);
        drawn.y0.push(y[from]);
        drawn.x1.push(x[to]);
        drawn.y1.push(y[to]);
        drawn.color.push(colour((sweep.at[at - 1] + sweep.at[at]) / 2));
      }
    }
    view.paths.data = drawn;
  }
}

function showSweeps() {
  byId("sweeps").hidden = data.sweeps.length === 0;
  if (data.sweeps.length === 0) return;
  const shown = data.encoders[mapOf(views[0]).name];
  const encoders = [...new Set(Object.values(data.encoders))];
  const colours = Object.fromEntries(encoders.map((name, at) => [name, colourOf(data.line_colours, at % data.line_colours.colours.length)]));
  byId("sweep-legend").replaceChildren(...encoders.map((name) => {
    const line = element("i");
    line.style.background = colours[name];
    return element("span", {}, line, name);
  }));
  byId("sweep-plots").replaceChildren(...data.sweeps.map((sweep, at) => sweepPlot(sweep, at, shown, colours)));
}

function sweepPlot(sweep, at, shown, colours) {
  const isChosen = sweep === chosenSweep();
  const button = element("button", { type: "button", title: "draw the paths of its patches on the map, or remove them" });
  button.setAttribute("aria-pressed", isChosen);
  button.onclick = () => choosePath(isChosen ? "" : at);
  const { rank_correlation: order } = sweep.curves[shown] ?? { rank_correlation: null };
  const words = order === null ? "" : `, rank correlation ${order.toFixed(2)}`;
  button.append(element("b", {}, sweep.name), element("span", { className: "soft" }, words));
  button.insertAdjacentHTML("beforeend", sweepDrawing(sweep, shown, colours));
  return button;
}

// only numbers and colours enter this text; the names do not
function sweepDrawing(sweep, shown, colours) {
  const { width, height, left, right, top, bottom } = PLOT;
  const highest = Math.max(1.2, ...Object.entries(sweep.curves).flatMap(([name, { median, high }]) => name === shown ? high : median));
  const [first, last] = [sweep.at[0], sweep.at.at(-1)]; // from the least effect to the strongest
  const x = (value) => left + ((value - first) / (last - first || 1)) * (width - left - right);
  const y = (value) => height - bottom - (value / highest) * (height - top - bottom);
  const line = (values) => sweep.at.map((value, at) => `${x(value).toFixed(1)},${y(values[at]).toFixed(1)}`).join(" ");
  const [soft, grid] = [styleOf("--soft"), styleOf("--line")];
  const parts = [];
  const steps = highest > 6 ? 2 : highest > 2.5 ? 1 : 0.5;
  for (let value = 0; value <= highest; value += steps) {
    parts.push(`<line x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}" stroke="${grid}" stroke-width="0.7"/>`);
    parts.push(`<text x="${left - 4}" y="${y(value) + 3}" text-anchor="end">${value}</text>`);
  }
  parts.push(`<line x1="${left}" x2="${width - right}" y1="${y(1)}" y2="${y(1)}" stroke="${soft}" stroke-dasharray="4 3"/>`);
  let free = -Infinity;
  sweep.at.forEach((value) => {
    parts.push(`<line x1="${x(value)}" x2="${x(value)}" y1="${height - bottom}" y2="${height - bottom + 3}" stroke="${soft}"/>`);
    if (x(value) < free) return;
    free = x(value) + 24;
    parts.push(`<text x="${x(value)}" y="${height - bottom + 13}" text-anchor="middle">${formatValue(sweep, value)}</text>`);
  });
  const unit = element("i", {}, sweep.unit).innerHTML; // escaped
  parts.push(`<text x="${(left + width - right) / 2}" y="${height - 4}" text-anchor="middle">${unit}</text>`);
  for (const [name, { median, low, high }] of Object.entries(sweep.curves)) {
    const colour = colours[name];
    if (name === shown) {
      const back = [...sweep.at.keys()].reverse().map((at) => `${x(sweep.at[at]).toFixed(1)},${y(low[at]).toFixed(1)}`).join(" ");
      parts.push(`<polygon points="${line(high)} ${back}" fill="${colour}" opacity="0.2"/>`);
    }
    parts.push(`<polyline points="${line(median)}" fill="none" stroke="${colour}" stroke-width="${name === shown ? 2.2 : 1.2}"/>`);
  }
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${parts.join("")}</svg>`;
}
