"use strict";
// The scatter plot with its axes, its legend, and marks of what was made.

const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const CATEGORIES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8457a8", "#b5a100", "#7a4a21", "#22807e"];
const GREY = "#9aa3ac";
const PAD = { left: 58, top: 10, right: 14, bottom: 48 };

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
function ramp(steps) {
  const stops = VIRIDIS.map(rgb);
  return Array.from({ length: steps }, (_, at) => {
    const place = (at / (steps - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    const mixed = stops[low].map((value, channel) => Math.round(value + (place - low) * (stops[low + 1][channel] - value)));
    return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  });
}

// What regl-scatterplot needs of a d3 scale.
function linearScale(domain) {
  let [from, to] = [domain, [0, 1]];
  const scale = (value) => to[0] + ((value - from[0]) / (from[1] - from[0])) * (to[1] - to[0]);
  scale.domain = (given) => (given ? ((from = given), scale) : from);
  scale.range = (given) => (given ? ((to = given), scale) : to);
  scale.invert = (value) => from[0] + ((value - to[0]) / (to[1] - to[0])) * (from[1] - from[0]);
  return scale;
}

const map = { plot: null, x: null, y: null, grid: null, hovered: null, lasso: null, isLasso: false };
const NEAR = 9;  // pixels from an item within which it is pointed at

// regl-scatterplot draws all points again when another one is pointed at, which takes seconds for a million without a
// GPU. So it gets an index with one point far away (KDBush's format), finds none, and `grid.js` does the searching.
function emptyIndex() {
  const data = new ArrayBuffer(32);
  new Uint8Array(data).set([0xdb, 0x18]);
  new Uint16Array(data, 2, 1)[0] = 64;
  new Uint32Array(data, 4, 1)[0] = 1;
  new Float64Array(data, 16, 2).set([1e9, 1e9]);
  return data;
}

function extent(points) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 2) {
    if (points[at] < x0) x0 = points[at];
    if (points[at] > x1) x1 = points[at];
    if (points[at + 1] < y0) y0 = points[at + 1];
    if (points[at + 1] > y1) y1 = points[at + 1];
  }
  const half = (Math.max(x1 - x0, y1 - y0) || 1) * 0.53;
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return { x: [x - half, x + half], y: [y - half, y + half], half, centre: [x, y] };
}

const cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function pointStyle(count) {
  return {
    pointSize: count > 300000 ? 1 : count > 50000 ? 2 : count > 8000 ? 3.5 : count > 1500 ? 5 : 7,
    opacity: count > 300000 ? 0.35 : count > 50000 ? 0.5 : count > 8000 ? 0.7 : 0.85,
  };
}

function setUpMap() {
  const canvas = byId("canvas");
  const { points } = state;
  map.extent = extent(points);
  map.x = linearScale(map.extent.x);
  map.y = linearScale(map.extent.y);
  const count = points.length / 2;
  const [x, y] = [new Float32Array(count), new Float32Array(count)];
  for (let at = 0; at < count; at += 1) {
    x[at] = (points[2 * at] - map.extent.centre[0]) / map.extent.half;
    y[at] = (points[2 * at + 1] - map.extent.centre[1]) / map.extent.half;
  }
  map.normal = { x, y };
  const { width, height } = canvas.getBoundingClientRect();
  map.plot = reglScatterplot.createScatterplot({
    canvas, width, height, xScale: map.x, yScale: map.y, backgroundColor: cssColour("--card"),
    pointColorActive: cssColour("--end"), deselectOnDblClick: false, deselectOnEscape: false, actionKeyMap: {},
    ...pointStyle(count), opacityInactiveScale: 0.3, renderPointsAsSquares: count > 50000,
  });
  map.plot.subscribe("view", () => drawOverlay());
  setUpMouse(canvas);
  new ResizeObserver(() => {
    const box = canvas.getBoundingClientRect();
    map.plot.get("renderer").resize(box.width, box.height);  // by itself it takes the size of the screen for a limit
    map.plot.set({ width: box.width, height: box.height });
    drawOverlay();
  }).observe(byId("map"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    map.plot.set({ backgroundColor: cssColour("--card"), pointColorActive: cssColour("--end") });
    drawOverlay();
  });
}

async function paint(name) {
  const column = columnNamed(name);
  const points = { ...map.normal };
  if (!column) {
    map.plot.set({ colorBy: null, pointColor: [cssColour("--accent")] });
    await map.plot.draw(points, { spatialIndex: emptyIndex() });
    legend(null);
    return;
  }
  const isText = column.categories.length > 0;
  points.valueA = isText ? grouped(column) : scaled(column);
  const colours = isText ? [...CATEGORIES.slice(0, Math.min(column.categories.length, CATEGORIES.length)), GREY] : [...ramp(255), GREY];
  map.plot.set({ colorBy: "valueA", pointColor: colours });
  await map.plot.draw(points, { spatialIndex: emptyIndex(), zDataType: isText ? "categorical" : "continuous" });
  legend(column);
}

// Texts: the most frequent ones have a colour each, the others and missing ones are grey.
function grouped(column) {
  const shownCount = Math.min(column.categories.length, CATEGORIES.length);
  return Float32Array.from(column.values, (value) => (value < shownCount ? value : shownCount));
}

// Numbers between the 1% and 99% quantile as 0 to 254/255; missing ones are 1, the grey at the end of the ramp.
function scaled(column) {
  const [low, high] = (column.ends ??= quantiles(column.values));
  const span = high - low || 1;
  return Float32Array.from(column.values, (value) => (Number.isNaN(value) ? 1 : (Math.min(1, Math.max(0, (value - low) / span)) * 254) / 256));
}

function quantiles(values) {
  const step = Math.max(1, Math.floor(values.length / 50000));
  const sample = Float32Array.from({ length: Math.ceil(values.length / step) }, (_, at) => values[at * step]).filter((value) => !Number.isNaN(value)).sort();
  if (!sample.length) return [0, 1];
  return [sample[Math.floor(0.01 * (sample.length - 1))], sample[Math.ceil(0.99 * (sample.length - 1))]];
}

function legend(column) {
  const box = byId("legend");
  box.replaceChildren();
  if (!column) return;
  box.append(make("div", {}, withUnit(column.name, column.unit)));
  if (column.categories.length) {
    const named = column.categories.slice(0, CATEGORIES.length);
    const rest = column.categories.length > named.length ? [["others", GREY]] : [];
    for (const [text, colour] of [...named.map((text, at) => [text, CATEGORIES[at]]), ...rest]) {
      const swatch = make("span", { class: "swatch" });
      swatch.style.background = colour;
      box.append(make("div", {}, swatch, text));
    }
    return;
  }
  const bar = make("canvas", { width: 190, height: 1 });
  const context = bar.getContext("2d");
  ramp(190).forEach((colour, at) => { context.fillStyle = colour; context.fillRect(at, 0, 1, 1); });
  box.append(bar, make("div", { class: "ends" }, make("span", {}, number(column.ends[0])), make("span", {}, number(column.ends[1]))));
}

function ticks([low, high]) {
  const raw = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) found.push(Number((at * step).toPrecision(12)));
  return found;
}

const svg = (tag, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

const onScreen = ([x, y]) => [PAD.left + map.x(x), PAD.top + map.y(y)];

function drawOverlay() {
  const overlay = byId("overlay");
  const { width, height } = byId("canvas").getBoundingClientRect();
  const parts = [svg("rect", { class: "frame", x: PAD.left, y: PAD.top, width, height })];
  for (const value of ticks(map.x.domain())) {
    const x = PAD.left + map.x(value);
    parts.push(svg("line", { class: "tick", x1: x, x2: x, y1: PAD.top + height, y2: PAD.top + height + 5 }));
    parts.push(svg("text", { x, y: PAD.top + height + 17, "text-anchor": "middle" }, number(value)));
  }
  for (const value of ticks(map.y.domain())) {
    const y = PAD.top + map.y(value);
    parts.push(svg("line", { class: "tick", x1: PAD.left - 5, x2: PAD.left, y1: y, y2: y }));
    parts.push(svg("text", { x: PAD.left - 8, y: y + 4, "text-anchor": "end" }, number(value)));
  }
  if (state.walk.length > 1) {
    parts.push(svg("polyline", { class: "walk", points: state.walk.map((one) => onScreen(one.point).join(",")).join(" ") }));
  }
  for (const one of state.walk) {
    const [cx, cy] = onScreen(one.point);
    parts.push(svg("circle", { class: "walked", cx, cy, r: 4.5 }));
  }
  for (const [one, colour] of [[state.start, "--start"], [state.end, "--end"], [state.current, "--accent"]]) {
    if (!one?.point) continue;
    const [cx, cy] = onScreen(one.point);
    if (cx < PAD.left || cx > PAD.left + width || cy < PAD.top || cy > PAD.top + height) continue;
    parts.push(svg("circle", { class: "halo", cx, cy, r: 9 }), svg("circle", { class: "ring", cx, cy, r: 9, stroke: cssColour(colour) }));
  }
  overlay.replaceChildren(...parts);
  drawPointer();
}

// Marks that change with every move of the mouse.
function drawPointer() {
  for (const old of document.querySelectorAll("#overlay .pointer")) old.remove();
  const overlay = byId("overlay");
  if (map.hovered !== null) {
    const [cx, cy] = onScreen(placeOf(map.hovered));
    overlay.append(svg("circle", { class: "pointer pointed", cx, cy, r: 6.5 }));
  }
  if (map.lasso) overlay.append(svg("polygon", { class: "pointer lasso-line", points: map.lasso.map((place) => onScreen(place).join(",")).join(" ") }));
}

const placeOf = (index) => [state.points[2 * index], state.points[2 * index + 1]];

// The value that the map is coloured by, and the first others.
function fewValues(index) {
  const names = [byId("colour").value, ...state.columns.map((column) => column.name)].filter(columnNamed);
  return Object.fromEntries([...new Set(names)].slice(0, MOST_VALUES).map((name) => [name, cellOf(columnNamed(name), index)]));
}

const MOST_VALUES = 6;
let tipTimer;
function hover(index) {
  if (index === map.hovered) return;
  map.hovered = index;
  drawPointer();
  clearTimeout(tipTimer);
  const tip = byId("tip");
  if (index === null) {
    tip.hidden = true;
    return;
  }
  const head = make("div", { class: "text" });
  tip.replaceChildren(pictureElement(state.source.picture(index), "item"), head, valueList(fewValues(index)));
  tip.hidden = false;
  placeTip(index);
  tipTimer = setTimeout(async () => {
    const [row] = await state.source.rows([index]);
    if (map.hovered !== index) return;
    head.textContent = fullName(row);
    placeTip(index); // it is higher now
  }, 20);
}

// Beside an item, and whole within the map.
function placeTip(index) {
  const tip = byId("tip");
  const [x, y] = onScreen(placeOf(index));
  const box = byId("map").getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${x + 18 + width > box.width ? x - width - 18 : x + 18}px`;
  tip.style.top = `${Math.max(6, Math.min(y - height / 2, box.height - height - 6))}px`;
}

function setLasso(isOn) {
  map.isLasso = isOn;
  byId("pan").setAttribute("aria-pressed", String(!isOn));
  byId("lasso").setAttribute("aria-pressed", String(isOn));
  byId("overlay").classList.toggle("catches", isOn);
}

// A click on an item shows it; a click elsewhere decodes that place. While the lasso is on, or Shift is held, the
// overlay catches the mouse, and the plot below doesn't move.
function setUpMouse(canvas) {
  const area = byId("map");
  const overlay = byId("overlay");
  const placeAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return [map.x.invert(event.clientX - box.left), map.y.invert(event.clientY - box.top)];
  };
  const onMap = (event) => event.target === canvas || overlay.contains(event.target);
  let pressed = null;
  area.addEventListener("pointermove", (event) => {
    if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 4) pressed.isClick = false;
    if (map.lasso) {
      map.lasso.push(...event.getCoalescedEvents().map(placeAt), placeAt(event));
      drawPointer();
    } else if (!event.buttons) {
      const [x, y] = placeAt(event);
      hover(onMap(event) && map.grid ? map.grid.nearest(x, y, Math.abs(map.x.invert(NEAR) - map.x.invert(0))) : null);
    } else hover(null);
  });
  area.addEventListener("pointerleave", () => hover(null));
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !onMap(event)) return;
    pressed = { x: event.clientX, y: event.clientY, index: map.hovered, isClick: true };
    if (event.target === canvas) return;
    overlay.setPointerCapture(event.pointerId);
    map.lasso = [placeAt(event)];
    event.preventDefault();
  });
  area.addEventListener("pointerup", (event) => {
    if (!pressed || event.button !== 0) return;
    const { index, isClick } = pressed;  // a lasso ends near its start, and is no click
    const polygon = map.lasso;
    [pressed, map.lasso] = [null, null];
    drawPointer();
    if (!isClick && polygon && map.grid) encircled(map.grid.inside(polygon), event);
    else if (isClick && index !== null) showItem(index);
    else if (isClick && state.source.live) decodePlace(...placeAt(event));
  });
  addEventListener("keydown", (event) => { if (event.key === "Shift") overlay.classList.add("catches"); });
  addEventListener("keyup", (event) => {
    if (event.key === "Shift" && !map.isLasso) overlay.classList.remove("catches");
    if (event.key === "Escape") select([]);
  });
}

// Ctrl adds to the selection, Alt takes away from it.
function encircled(indices, event) {
  if (event.ctrlKey || event.metaKey) select([...new Set([...state.selected, ...indices])]);
  else if (event.altKey) {
    const gone = new Set(indices);
    select(state.selected.filter((index) => !gone.has(index)));
  } else select(indices);
}
