"use strict";

// Elements, words and numbers

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("page-data").textContent);
const count = data.patches.length;
let isShown = Array(count).fill(true); // which patches pass the filters

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

// a button that selects the patch; `alt` says what it shows
function patchButton(row, side) {
  const button = element("button", { type: "button", className: "patch", title: `select this patch: ${titleOf(row)}` });
  button.append(patchImage(row, side));
  button.onclick = () => select([row]);
  return button;
}

function patchImage(row, side) {
  return element("img", { src: `data:image/webp;base64,${data.patches[row]}`, width: side, height: side, alt: "" });
}

function titleOf(row) {
  const words = data.words ? nameIn(data.words, row) : nameIn(data.family, row);
  return `${words}, ${nameIn(data.image, row)}`;
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

function styleOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const darkScreen = matchMedia("(prefers-color-scheme: dark)");
