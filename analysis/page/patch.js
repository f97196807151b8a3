"use strict";

// The patch under the pointer

const MAX_UNDER_CLICK = 5; // points that cover each other where one was clicked
const CARD_SIDE = 192; // screen pixels, of the patch under the pointer and of the chosen one

function factsOf(row) {
  const facts = element("dl");
  for (const parameter of data.parameters.filter(({ values }) => values[row] !== null)) {
    facts.append(element("dt", {}, parameter.name), element("dd", {}, formatValue(parameter, parameter.values[row])));
  }
  return facts;
}

function sideOf() {
  return data.side * Math.max(1, Math.round(CARD_SIDE / data.side));
}

function detailsOf(row) {
  const title = data.words ? nameIn(data.words, row) : nameIn(data.family, row);
  const note = data.image_notes.length ? data.image_notes[data.image.index[row]] : "";
  return [
    patchImage(row, sideOf()), element("b", {}, title), ...withLineBreaks(nameIn(data.image, row)),
    ...(note ? [element("div", { className: "soft" }, note)] : []), factsOf(row),
  ];
}

function showCard(rows, pointer) {
  const card = byId("card");
  const row = rows.filter((candidate) => isShown[candidate]).at(-1); // drawn last, hence on top
  card.hidden = row === undefined;
  if (card.hidden) return;
  const below = rows.length > 1 ? `${rows.length - 1} more under the pointer` : "";
  card.replaceChildren(...detailsOf(row), element("div", { className: "soft" }, below));
  card.style.width = `${Math.max(sideOf(), CARD_SIDE) + 18}px`;
  const { width, height } = card.getBoundingClientRect();
  const left = pointer.x + 18 + width > innerWidth ? pointer.x - 18 - width : pointer.x + 18;
  card.style.left = `${Math.max(4, left)}px`;
  card.style.top = `${Math.max(4, Math.min(pointer.y - height / 3, innerHeight - height - 4))}px`;
}

function followPointer({ source, place }) {
  const pointer = { x: 0, y: 0 };
  const follow = ({ clientX, clientY }) => Object.assign(pointer, { x: clientX, y: clientY });
  place.addEventListener("pointermove", follow, true);
  place.addEventListener("pointerleave", () => (byId("card").hidden = true));
  source.inspect.connect(() => showCard(source.inspected.indices, pointer));
}

// The chosen patch, its neighbours in the embedding, and its image

function showChosen() {
  const rows = selected();
  const isChosen = rows.length > 0 && rows.length <= MAX_UNDER_CLICK;
  byId("chosen").hidden = !isChosen;
  if (!isChosen) return;
  const row = Math.max(...rows); // drawn last, hence on top
  const encoder = data.encoders[mapOf(views[0]).name];
  const which = rows.length === 1 ? "Selected patch" : `Uppermost of the ${rows.length} selected patches`;
  byId("chosen-title").textContent = `${which}, and its neighbours in ${encoder}`;
  byId("chosen-patch").replaceChildren(...detailsOf(row));
  const near = data.neighbours[encoder];
  const groups = near ? [["Nearest in other images", near.others[row]], ["Nearest in its own image", near.own[row]]] : [];
  byId("neighbours").replaceChildren(...groups.flatMap(([title, rows]) => neighbourList(title, rows)));
  showSource(row);
}

function neighbourList(title, rows) {
  const figures = rows.map((row) => {
    const words = data.words ? nameIn(data.words, row) : nameIn(data.image, row);
    return element("figure", {}, patchButton(row, 64), element("figcaption", {}, words));
  });
  return rows.length ? [element("h3", {}, title), element("div", { className: "near" }, ...figures)] : [];
}

function showSource(row) {
  const image = data.sources[data.image.index[row]];
  byId("source").hidden = !image;
  if (!image) return;
  const [top, left, height, width] = data.boxes[row];
  byId("source-image").src = `data:image/webp;base64,${image.webp}`;
  byId("source-image").alt = `${nameIn(data.image, row)}; a box marks the patch`;
  const share = (value, whole) => `${(100 * value) / whole}%`;
  Object.assign(byId("box").style, {
    left: share(left, image.width), top: share(top, image.height),
    width: share(width, image.width), height: share(height, image.height),
  });
}
