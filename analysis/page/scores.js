"use strict";

// The verdict at the top, and all scores below, each with its meaning on demand

function scoreTable([head, ...rows], className = "scores") {
  const cellOf = (tag, text) => element(tag, { className: text.endsWith(" ~") ? "unclear" : "" }, text.trim());
  const line = (tag, cells) => element("tr", {}, ...cells.map((text) => cellOf(tag, text)));
  const table = element("table", { className });
  table.append(element("thead", {}, line("th", head ?? [])));
  table.append(element("tbody", {}, ...rows.map((row) => line("td", row))));
  for (const { cells: [first] } of table.tBodies[0].rows) explain(first);
  return table;
}

function explain(cell) {
  const meaning = data.meanings[cell.textContent];
  if (!meaning) return;
  const summary = element("summary", { title: meaning }, cell.textContent);
  cell.replaceChildren(element("details", {}, summary, element("p", {}, meaning)));
}

function addVerdict() {
  byId("verdict").hidden = data.verdict.length === 0 && data.key_rows.length === 0;
  byId("sentences").append(...data.verdict.map((sentence) => element("p", {}, sentence)));
  if (data.key_rows.length) byId("key-scores").append(scoreTable(data.key_rows, data.score_rows.length ? "scores" : "scores words"));
}

function addScores() {
  if (data.score_rows.length) {
    const all = element("details", { id: "all-scores" }, element("summary", {}, "All scores (click a name for its meaning)"));
    all.append(scoreTable(data.score_rows));
    if (data.differences.length) {
      all.append(element("h2", {}, "Differences (gray, ~: the choice of images may explain them)"));
      all.append(scoreTable(data.differences));
    }
    byId("scores").append(all);
  }
  byId("captions").append(...data.captions.map((caption) => element("p", {}, caption)));
}
