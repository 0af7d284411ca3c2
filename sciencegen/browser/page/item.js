"use strict";
// The item that is looked at: its picture and values, changes along axes of the latent space, neighbours and paths.

const RADIUS = 0.3;
const MOST_COORDINATES = 64;
const PATH = 9;

function showPanel(name) {
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    const isShown = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(isShown));
    byId(tab.getAttribute("aria-controls")).hidden = !isShown;
  }
}

// origin: how an item came about. index: of an item of the data.
async function showItem(index) {
  const [row] = await state.source.rows([index]);
  const point = [state.points[2 * index], state.points[2 * index + 1]];
  const item = { ...row, point, values: valuesOf(index), picture: state.source.picture(index), origin: "data" };
  if (state.source.live) {
    const found = await busy("Encoding", () => state.source.call("item", { index }));
    if (found) Object.assign(item, { latent: found.latent, steps: found.steps, decoded: found.same ? null : found });
  }
  show(item);
}

async function decodePlace(x, y) {
  const found = await busy("Decoding", () => state.source.call("place", { x, y, condition: condition() }));
  if (found) show({ ...found, origin: "decoded at a place" });
}

function show(item, { walk = [], panel = true } = {}) {
  state.current = item;
  state.walk = walk;
  drawItem();
  if (panel) showPanel("item");
  drawOverlay();
}

function drawItem() {
  const panel = byId("item");
  const item = state.current;
  if (!item) {
    const advice = state.source.live
      ? "Point at an item to see it. Click it to look closer, or click an empty place to decode it."
      : "Point at an item to see it. Click it to look closer.";
    panel.replaceChildren(make("p", { class: "muted" }, advice), ...state.about.notes.map((note) => make("p", { class: "warn" }, note)));
    return;
  }
  const parts = [
    pictureElement(item.picture, item.text),
    make("div", { class: "text", id: "item-text" }, item.text ? fullName(item) : item.reason),
    make("div", { class: "muted" }, item.origin === "data" ? `item ${item.index + 1} of the data` : item.origin),
    valueList(item.values ?? {}),
    make("div", { class: "buttons" },
      make("button", { id: "keep", onclick: () => keep(item), disabled: !item.text }, "Add to basket"),
      make("button", { id: "set-start", class: "live", onclick: () => setEnd("start") }, "Start of a path"),
      make("button", { id: "set-end", class: "live", onclick: () => setEnd("end") }, "End of the path")),
  ];
  if (item.decoded) parts.push(notReconstructed(item));
  if (item.latent) parts.push(changes(item), neighbours(item), path());
  panel.replaceChildren(...parts);
}

function notReconstructed(item) {
  const isNear = item.decoded.text && state.about.opaque; // pixels and coordinates never come back bit by bit
  const other = isNear ? "this" : item.decoded.text ? "another item" : "no item";
  return make("div", {},
    make("p", { class: isNear ? "muted" : "warn" }, `Its latent decodes to ${other}, from which the steps below start.`),
    item.decoded.text ? make("div", { class: "cards" }, card(item.decoded, shortName(item.decoded), () => show({ ...item.decoded, origin: "decoded from an item's latent" }))) : null);
}

function card(item, caption, onclick) {
  const isCurrent = state.current && item.text === state.current.text;
  return make("button", { class: isCurrent ? "card current" : "card", title: fullName(item), onclick },
    pictureElement(item.picture, item.text), make("span", { class: "caption" }, item.text === "" ? "no item" : caption));
}

// A slider for each principal axis, or for each coordinate of the latent; the item is decoded while a slider moves.
const SLIDERS = {
  axes: {
    name: "principal axes",
    note: "In standard deviations of the items; in brackets the share of the variance.",
    rows: (item) => state.about.axes.map((share, axis) => ({ label: `axis ${axis + 1} (${share}%)`, value: item.steps[axis], attribute: "data-axis" })),
    call: (at, value) => ({ latent: state.current.latent, axis: at, step: value }),
  },
  coordinates: {
    name: "latent coordinates",
    get note() {
      const count = state.about.coordinates;
      return `Each has mean 0 and standard deviation 1 in draws of the model.${count > MOST_COORDINATES ? ` The first ${MOST_COORDINATES} of ${count}.` : ""}`;
    },
    rows: (item) => item.latent.slice(0, Math.min(state.about.coordinates, MOST_COORDINATES)).map((value, at) => ({ label: `coordinate ${at + 1}`, value, attribute: "data-coordinate" })),
    call: (at, value) => ({ latent: Object.assign([...state.current.latent], { [at]: value }) }),
  },
};

function changes(item) {
  const list = make("div", {});
  const draw = () => {
    const kind = SLIDERS[state.sliders];
    list.replaceChildren(make("div", { class: "muted" }, kind.note), ...kind.rows(state.current ?? item).map((row, at) => sliderOf(kind, row, at)));
  };
  const choice = make("select", { id: "sliders", onchange: (event) => { state.sliders = event.target.value; draw(); } },
    ...Object.entries(SLIDERS).map(([value, { name }]) => make("option", { value }, name)));
  choice.value = state.sliders;
  draw();
  return make("div", { class: "live" }, make("h2", {}, "Change it"), make("label", { class: "field" }, "along ", choice), list);
}

function sliderOf(kind, { label, value, attribute }, at) {
  const output = make("output", {}, number(Number(value.toFixed(2))));
  const slider = make("input", { type: "range", min: -4, max: 4, step: 0.05, "aria-label": label, [attribute]: at });
  slider.value = value;
  slider.addEventListener("input", () => {
    output.textContent = number(Number(slider.value));
    latest(() => change(kind.call(at, Number(slider.value)), kind.name));
  });
  return make("div", { class: "slider" }, make("span", {}, label), slider, output);
}

// Of calls that come faster than they are answered only the last one is made.
let next = null;
let running = false;
async function latest(work) {
  next = work;
  if (running) return;
  running = true;
  while (next) {
    const now = next;
    next = null;
    await now();
  }
  running = false;
}

async function change(asked, along) {
  const found = await busy("Decoding", () => state.source.call("change", { ...asked, condition: condition() }));
  if (!found) return;
  state.current = { ...found, origin: `changed along ${along}` };
  const panel = byId("item");
  panel.querySelector(".picture").replaceWith(pictureElement(found.picture, found.text));
  byId("item-text").textContent = found.text ? fullName(found) : found.reason;
  panel.querySelector("dl.values").replaceWith(valueList(found.values));
  byId("keep").replaceWith(make("button", { id: "keep", onclick: () => keep(state.current), disabled: !found.text }, "Add to basket"));
  drawOverlay();
}

function neighbours(item) {
  const list = make("div", { class: "cards", id: "neighbours" });
  const nearest = async () => {
    const found = await busy("Searching", () => state.source.call("nearest", { latent: item.latent, count: 12 }));
    if (!found) return;
    const cards = found.map((one) => card({ ...one, picture: state.source.picture(one.index) }, `${number(one.distance)}  ${shortName(one)}`, () => showItem(one.index)));
    list.replaceChildren(...cards);
    state.walk = found.map((one) => ({ point: [state.points[2 * one.index], state.points[2 * one.index + 1]] }));
    drawDots();
  };
  const made = async () => {
    const radius = Number(byId("radius").value);
    const found = await busy("Decoding", () => state.source.call("near", { latent: item.latent, count: 9, radius, seed: Math.floor(Math.random() * 1e6) }));
    if (!found) return;
    list.replaceChildren(...found.map((one) => card(one, shortName(one), () => show({ ...one, origin: "near another item" }))));
    state.walk = found;
    drawDots();
  };
  return make("div", { class: "live" }, make("h2", {}, "Neighbours"),
    make("div", { class: "buttons" }, make("button", { id: "nearest", onclick: nearest }, "Nearest in the data"),
      make("button", { id: "near", onclick: made }, "New ones near it"),
      make("label", { class: "field" }, "radius ", make("input", { type: "number", id: "radius", min: 0.05, max: 1, step: 0.05, value: RADIUS }))),
    list);
}

// The marks of several items, without the line of a path.
function drawDots() {
  const marks = state.walk;
  state.walk = [];
  drawOverlay();
  for (const one of marks) {
    const [cx, cy] = onScreen(one.point);
    byId("overlay").append(svg("circle", { class: "walked", cx, cy, r: 4.5 }));
  }
}

function setEnd(which) {
  state[which] = state.current;
  drawItem();
  drawOverlay();
  say(which === "start" ? "Now choose another item as the end of the path." : "");
}

function path() {
  const ready = state.start?.latent && state.end?.latent;
  const name = (item) => (item ? shortName(item).slice(0, 28) || item.origin : "–");
  const list = make("div", { class: "cards", id: "path-items" });
  // Each item is shown as it is decoded, which takes seconds for some models; another item or path ends it.
  const walk = async () => {
    const ends = { start: state.start.latent, end: state.end.latent };
    const latents = await busy("Decoding", () => state.source.call("path", { ...ends, steps: Number(byId("path-steps").value) }));
    if (!latents || !list.isConnected) return;
    const found = [];
    list.replaceChildren();
    state.walk = found;
    drawOverlay();
    for (const [at, latent] of latents.entries()) {
      const one = await busy(`Decoding step ${at + 1} of ${latents.length}`, () => state.source.call("change", { latent }));
      if (!one || !list.isConnected || state.walk !== found) return;
      found.push(one);
      list.append(card(one, `${at + 1}  ${shortName(one)}`, () => show({ ...one, origin: `step ${at + 1} of a path` }, { walk: found })));
      drawOverlay();
    }
  };
  return make("div", { class: "live" }, make("h2", {}, "Path between two items"),
    make("div", { class: "muted" }, `from ${name(state.start)} to ${name(state.end)}`),
    make("div", { class: "buttons" }, make("button", { id: "walk", onclick: walk, disabled: !ready }, "Show the path"),
      make("label", { class: "field" }, "steps ", make("input", { type: "number", id: "path-steps", min: 3, max: 25, value: PATH }))),
    list);
}
