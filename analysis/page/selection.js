"use strict";

// Selection

const MAX_ROWS = 200; // in the table of the selected patches

function selectedOrShown() {
  const rows = selected().length ? selected() : [...isShown.keys()];
  return rows.filter((row) => isShown[row]).sort((a, b) => a - b);
}

function showSelection() {
  const isSelected = selected().length > 0;
  const rows = selectedOrShown();
  const images = new Set(rows.map((row) => data.image.index[row])).size;
  const counts = `${countOf(rows.length, "patch", "patches")} from ${countOf(images, "image", "images")}`;
  byId("selection-title").textContent = isSelected ? `Selected: ${counts}` : `Nothing selected: showing ${counts}`;
  byId("clear-selection").disabled = !isSelected;
  const shares = data.family.names.map((name, family) => {
    const number = rows.filter((row) => data.family.index[row] === family).length;
    return [number, `${name} ${Math.round((100 * number) / rows.length)} % (${formatCount(number)})`];
  });
  const largest = shares.filter(([number]) => number > 0).sort((a, b) => b[0] - a[0]);
  byId("shares").replaceChildren(...largest.map(([, text]) => element("span", {}, text)));
  byId("selection").replaceChildren(patchTable(rows));
  markCell();
}

function patchTable(rows) {
  const values = data.parameters.map((parameter) => finiteValues(rows.map((row) => parameter.values[row])));
  const named = [data.words, data.image].filter(Boolean);
  const cellOf = (tag, content, at) => element(tag, { className: at > named.length ? "number" : "" }, ...[content].flat());
  const line = (tag, className, cells) =>
    element("tr", { className }, ...cells.map((content, at) => cellOf(tag, content, at)));
  const means = data.parameters.map((parameter, at) => formatValue(parameter, meanOf(values[at], parameter.period)));
  const spans = data.parameters.map((parameter, at) => {
    return values[at].length ? formatRange(parameter, ...extent(values[at])) : formatValue(parameter, null);
  });
  const names = data.parameters.map((parameter) => parameter.name);
  const head = element("thead", {}, line("th", "", ["patch", ...named.map(({ name }) => name), ...names]));
  const blank = named.slice(1).map(() => "");
  if (names.length) {
    head.append(line("td", "mean", ["", "mean", ...blank, ...means]), line("td", "mean", ["", "range", ...blank, ...spans]));
  }
  const body = rows.slice(0, MAX_ROWS).map((row) =>
    line("td", "", [
      patchButton(row, 44), ...named.map((one) => (one === data.image ? withLineBreaks(nameIn(one, row)) : nameIn(one, row))),
      ...data.parameters.map((parameter) => formatValue(parameter, parameter.values[row])),
    ]),
  );
  const remark = rows.length ? `and ${formatCount(rows.length - MAX_ROWS)} more` : "no patches";
  if (rows.length === 0 || rows.length > MAX_ROWS) {
    const colSpan = 1 + named.length + names.length;
    body.push(element("tr", {}, element("td", { colSpan, className: "soft", textContent: remark })));
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

// The selected patches, or all that are shown, as a table for other programs

function selectionAsCsv() {
  const places = data.boxes ? ["top", "left", "height", "width"] : [];
  const named = [data.words, data.family, data.image].filter(Boolean);
  const head = ["patch", ...named.map(({ name }) => name), ...data.parameters.map(({ name }) => name), ...places];
  const lines = selectedOrShown().map((row) => [
    data.rows[row], ...named.map((one) => nameIn(one, row)),
    ...data.parameters.map(({ values }) => values[row] ?? ""), ...(data.boxes ? data.boxes[row] : []),
  ]);
  const quote = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  return [head, ...lines].map((line) => `${line.map(quote).join(",")}\r\n`).join("");
}

function saveSelection() {
  const href = URL.createObjectURL(new Blob([selectionAsCsv()], { type: "text/csv" }));
  element("a", { href, download: "selection.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}
