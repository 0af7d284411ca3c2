"use strict";
// Where the page gets its data from: the server that sent it, or the page itself.

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};
const byId = (id) => document.getElementById(id);

function say(message, isError = false) {
  byId("status").textContent = message;
  byId("status").classList.toggle("error", isError);
}

const readable = (name) => name.replaceAll("_", " ");
function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = Number.isInteger(value) && size < 1e7 ? String(value) : size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
  return text.replace("-", "−");
}
const withUnit = (name, unit) => (unit ? `${readable(name)} (${unit})` : readable(name));

const liveSource = {
  live: true,
  description: async () => (await fetch("description")).json(),
  floats: async (path) => new Float32Array(await (await fetch(path)).arrayBuffer()),
  points: () => liveSource.floats("points"),
  column: (at) => liveSource.floats(`column/${at}`),
  rows: (indices) => liveSource.call("rows", { indices }),
  picture: (index) => `picture/${index}`,
  async answer(path, value) {
    const found = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });
    if (found.ok) return found;
    throw new Error((await found.json()).error);
  },
  call: async (path, value) => (await liveSource.answer(path, value)).json(),
};

// The embedded data: gzip, then base64, of JSON whose arrays are base64 of little-endian float32.
async function embeddedSource(text) {
  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const floats = (base64) => new Float32Array(bytes(base64).buffer);
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(stream).text());
  return {
    live: false,
    description: async () => data.description,
    points: async () => floats(data.points),
    column: async (at) => floats(data.columns[at]),
    rows: async (indices) => indices.map((index) => ({ index, text: data.texts[index], name: data.names[index] ?? "" })),
    picture: (index) => data.pictures[index] ?? "",
  };
}

const embedded = byId("embedded");

// The state that the panels share. columns[at]: {name, unit, categories, values}.
const state = { source: liveSource, about: null, points: null, columns: [], selected: [], current: null, basket: [], start: null, end: null, walk: [], sliders: "axes" };

function columnNamed(name) {
  return state.columns.find((column) => column.name === name);
}

function valuesOf(index) {
  return Object.fromEntries(state.columns.map((column) => [column.name, cellOf(column, index)]));
}

function cellOf(column, index) {
  const value = column.values[index];
  if (Number.isNaN(value)) return null;
  return column.categories.length ? column.categories[value] : value;
}

function shown(name, value) {
  return typeof value === "string" ? value : number(value);
}

function valueList(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== null);
  const units = Object.fromEntries([...state.columns, ...state.about.conditions].map((column) => [column.name, column.unit]));
  return make("dl", { class: "values" }, ...pairs.flatMap(([name, value]) => [
    make("dt", {}, withUnit(name, units[name])), make("dd", {}, shown(name, value)),
  ]));
}

function pictureElement(address, text = "") {
  if (!address) return make("div", { class: "picture empty" }, text ? "no picture here" : "no item");
  const image = make("img", { class: "picture", alt: text.slice(0, 80), src: address });
  image.addEventListener("load", () => image.classList.toggle("raster", image.naturalWidth < 160));
  return image;
}

const LONGEST = 400;
const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

// Texts that nobody reads, such as the pixels of an image, are left out.
const readableText = (item) => (state.about.opaque ? "" : item.text);
const shortName = (item) => item.name || readableText(item).slice(0, 40) || (item.index === undefined ? "" : `item ${item.index + 1}`);
function fullName(item) {
  const text = shortened(readableText(item));
  return item.name && text ? `${item.name}: ${text}` : item.name || text;
}

let waiting = 0;
async function busy(what, work) {
  waiting += 1;
  const begun = performance.now();
  if (waiting === 1) say("");
  const tell = (text) => { if (!byId("status").classList.contains("error")) say(text); }; // an error of other work stays
  const timer = setTimeout(() => tell(`${what} …`), 150);
  const clock = setInterval(() => tell(`${what} … ${Math.round((performance.now() - begun) / 1000)} s`), 1000);
  try {
    const found = await work();
    if (waiting === 1) tell("");
    return found;
  } catch (error) {
    say(error.message, true);
    return null;
  } finally {
    clearTimeout(timer);
    clearInterval(clock);
    waiting -= 1;
  }
}
