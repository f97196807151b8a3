"use strict";

// Filters

const SLIDER_STEPS = 200;
const sliders = [];

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
  const indices = [...isShown.keys()].filter((row) => isShown[row]);
  views.forEach((view) => (view.filter.indices = indices));
  showLegend();
  showSelection();
  showDensity();
  storeState();
}
