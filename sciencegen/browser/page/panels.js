"use strict";
// The panels beside that of the item: the selection, draws under conditions, and the basket.

const MOST_ROWS = 100;
const BINS = 24;
const MOST_CLASSES = 6;
const table = { sorted: null, descending: false };

function select(indices) {
  state.selected = indices;
  table.sorted = null;
  byId("tab-selection").textContent = indices.length ? `Selection (${indices.length.toLocaleString("en")})` : "Selection";
  if (indices.length) map.plot.select(indices, { preventEvent: true });
  else map.plot.deselect({ preventEvent: true });
  drawSelection();
  if (indices.length) showPanel("selection");
}

async function drawSelection() {
  const panel = byId("selection");
  const chosen = state.selected;
  if (!chosen.length) {
    panel.replaceChildren(make("p", { class: "muted" }, "Encircle items with the lasso (or hold Shift and drag)."));
    return;
  }
  const order = ordered(chosen);
  const rows = await state.source.rows(order.slice(0, MOST_ROWS));
  if (chosen !== state.selected) return;
  const numbers = state.columns.filter((column) => !column.categories.length);
  const texts = state.columns.filter((column) => column.categories.length);
  panel.replaceChildren(
    make("div", { class: "buttons" },
      make("button", { id: "keep-selection", onclick: () => keepSelected(order) }, chosen.length > MOST_ROWS ? `Add the first ${MOST_ROWS} to the basket` : "Add all to the basket"),
      make("button", { id: "zoom", onclick: () => map.plot.zoomToPoints(chosen, { padding: 0.2, transition: true }) }, "Zoom to them"),
      make("button", { id: "clear", onclick: () => select([]) }, "Clear")),
    make("h2", {}, `${chosen.length.toLocaleString("en")} of ${state.about.count.toLocaleString("en")} items`),
    make("div", { class: "histograms" }, ...numbers.map((column) => histogram(column, chosen)), ...texts.map((column) => counts(column, chosen))),
    make("h2", {}, chosen.length > MOST_ROWS ? `Rows (the first ${MOST_ROWS} in this order)` : "Rows"),
    tableOf(rows));
}

function ordered(chosen) {
  const column = table.sorted === null ? null : columnNamed(table.sorted);
  if (!column) return [...chosen];
  const sign = table.descending ? -1 : 1;
  const key = (index) => (Number.isNaN(column.values[index]) ? Infinity : sign * column.values[index]);
  return [...chosen].sort((a, b) => key(a) - key(b) || a - b);
}

function tableOf(rows) {
  const head = make("tr", {}, make("th", {}, "item"), ...state.columns.map((column) => make("th", {
    title: "Sort by it", onclick: () => {
      table.descending = table.sorted === column.name ? !table.descending : false;
      table.sorted = column.name;
      drawSelection();
    } }, withUnit(column.name, column.unit), table.sorted === column.name ? (table.descending ? " ↓" : " ↑") : "")));
  const body = rows.map((row) => make("tr", {
    onclick: () => showItem(row.index), onmouseenter: () => { map.hovered = row.index; drawPointer(); } },
  make("td", { class: "words", title: fullName(row) }, shortName(row)),
  ...state.columns.map((column) => {
    const value = cellOf(column, row.index);
    return make("td", { class: typeof value === "string" ? "words" : "number" }, shown(column.name, value));
  })));
  return make("div", { class: "rows" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function binned(values, [low, high], indices) {
  const bins = new Float64Array(BINS);
  const count = indices ? indices.length : values.length;
  let total = 0;
  let sum = 0;
  for (let at = 0; at < count; at += 1) {
    const value = values[indices ? indices[at] : at];
    if (Number.isNaN(value)) continue;
    total += 1;
    sum += value;
    bins[Math.max(0, Math.min(BINS - 1, Math.floor(((value - low) / (high - low || 1)) * BINS)))] += 1;
  }
  return { shares: bins.map((one) => one / (total || 1)), mean: sum / (total || 1) };
}

// Shares of all items (filled) and of the selection (line) between the 1% and 99% quantile.
function histogram(column, chosen) {
  const ends = (column.ends ??= quantiles(column.values));
  const all = (column.all ??= binned(column.values, ends, null));
  const here = binned(column.values, ends, chosen);
  const top = Math.max(...all.shares, ...here.shares);
  const picture = svg("svg", { viewBox: `0 0 ${BINS * 8} 58`, preserveAspectRatio: "none", role: "img", "aria-label": `histogram of ${column.name}` });
  all.shares.forEach((share, at) => picture.append(svg("rect", { x: at * 8, width: 8, y: 58 - (56 * share) / top, height: (56 * share) / top, fill: "var(--all)" })));
  const steps = [...here.shares].flatMap((share, at) => [`${at * 8},${58 - (56 * share) / top}`, `${at * 8 + 8},${58 - (56 * share) / top}`]);
  picture.append(svg("polyline", { points: steps.join(" "), fill: "none", stroke: "var(--chosen)", "stroke-width": 2, "vector-effect": "non-scaling-stroke" }));
  return make("div", { class: "histogram" },
    make("div", { class: "name" }, make("span", {}, withUnit(column.name, column.unit)), make("span", { class: "muted" }, `mean ${number(here.mean)}`)), picture,
    make("div", { class: "ends" }, make("span", {}, number(ends[0])), make("span", {}, number(ends[1]))));
}

function counts(column, chosen) {
  const found = new Map();
  for (const index of chosen) found.set(column.values[index], (found.get(column.values[index]) ?? 0) + 1);
  const known = [...found].filter(([value]) => !Number.isNaN(value)).sort((a, b) => b[1] - a[1]);
  const rest = known.slice(MOST_CLASSES);
  const rows = known.slice(0, MOST_CLASSES).map(([value, count]) => [column.categories[value], count]);
  if (rest.length) rows.push([`${rest.length} others`, rest.reduce((sum, [, count]) => sum + count, 0)]);
  if (known.length < found.size) rows.push(["none", found.get(NaN)]);
  return make("div", { class: "histogram" }, make("div", { class: "name" }, readable(column.name)),
    make("dl", { class: "values" }, ...rows.flatMap(([name, count]) => [make("dt", {}, name), make("dd", {}, count.toLocaleString("en"))])));
}

// Conditions that are switched on, by name.
function condition() {
  const found = {};
  for (const box of document.querySelectorAll("#draw input[data-condition]:checked")) {
    found[box.dataset.condition] = Number(byId(`condition-${box.dataset.condition}`).value);
  }
  return found;
}

function setUpDraw() {
  const { conditions, decoder_takes_conditions: decodes } = state.about;
  const draw = () => latest(async () => {
    const found = await busy("Drawing", () => state.source.call("draw", { seed: Number(byId("seed").value), condition: condition() }));
    if (!found) return;
    byId("drawn").replaceChildren(pictureElement(found.picture, found.text), make("div", { class: "text" }, found.text ? fullName(found) : found.reason), valueList(found.values),
      make("div", { class: "buttons" }, make("button", { id: "look", onclick: () => show(state.drawn) }, "Look closer"), make("button", { id: "keep-drawn", onclick: () => keep(state.drawn), disabled: !found.text }, "Add to basket")));
    state.drawn = { ...found, origin: "drawn" };
    show(state.drawn, { panel: false });
  });
  const rows = conditions.map(({ name, unit, low, high, whole }) => {
    const middle = (low + high) / 2;
    const output = make("output", {}, number(whole ? Math.round(middle) : middle));
    const slider = make("input", { type: "range", id: `condition-${name}`, min: low, max: high, step: whole ? 1 : (high - low) / 200, "aria-label": withUnit(name, unit) });
    slider.value = middle;
    const box = make("input", { type: "checkbox", "data-condition": name, onchange: draw });
    slider.addEventListener("input", () => { output.textContent = number(Number(slider.value)); box.checked = true; draw(); });
    return make("div", { class: "slider" }, make("label", {}, box, " ", withUnit(name, unit)), slider, output);
  });
  const next = () => { byId("seed").value = Number(byId("seed").value) + 1; draw(); };
  byId("draw").replaceChildren(
    make("h2", {}, "Draw from the model"),
    make("div", { class: "buttons" }, make("label", { class: "field" }, "seed ", make("input", { type: "number", id: "seed", min: 0, value: 0, onchange: draw })),
      make("button", { id: "draw-one", onclick: draw }, "Draw"), make("button", { id: "draw-next", onclick: next }, "Next seed")),
    ...(conditions.length ? [make("h2", {}, "Under conditions"),
      make("p", { class: "muted" }, decodes ? "They also hold for what is decoded from the map and along axes." : "With the same seed, only the condition changes what is drawn.")] : []),
    ...rows, make("div", { id: "drawn" }));
}

function keep(item) {
  if (item.text && !state.basket.some((one) => one.text === item.text)) state.basket.push(item);
  drawBasket();
}

async function keepSelected(order) {
  const rows = await state.source.rows(order.slice(0, MOST_ROWS));
  for (const row of rows) keep({ ...row, picture: state.source.picture(row.index), values: valuesOf(row.index), origin: "data" });
  showPanel("basket");
}

function drawBasket() {
  const { basket } = state;
  byId("tab-basket").textContent = basket.length ? `Basket (${basket.length})` : "Basket";
  if (!basket.length) {
    byId("basket").replaceChildren(make("p", { class: "muted" }, "Items that you add are kept here, and saved from here."));
    return;
  }
  const formats = state.source.live ? state.about.formats : [".csv"];
  const ending = make("select", { id: "format" }, ...formats.map((one) => make("option", {}, one)));
  byId("basket").replaceChildren(
    make("div", { class: "buttons" }, make("label", { class: "field" }, "Save as", ending), make("button", { id: "save", onclick: () => save(ending.value) }, "Save"),
      make("button", { id: "empty", onclick: () => { state.basket = []; drawBasket(); } }, "Empty it")),
    ...basket.map((item, at) => make("div", { class: "kept" }, pictureElement(item.picture, item.text),
      make("div", {}, make("div", { class: "text" }, shortName(item)), make("span", { class: "muted" }, item.origin)),
      make("button", { title: "Remove it", "aria-label": "Remove it", onclick: () => { state.basket.splice(at, 1); drawBasket(); } }, "×"))));
}

async function save(ending) {
  const items = state.basket.map(({ text, name, origin, values }) => ({
    item: text, name: name ?? "", origin, values: Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => typeof value !== "string")),
  }));
  let [content, file] = [null, "basket.csv"];
  if (state.source.live) {
    const answer = await busy("Writing", () => state.source.answer("export", { items, ending }));
    if (!answer) return;
    file = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
    content = await answer.blob();
  } else {
    const names = [...new Set(items.flatMap((item) => Object.keys(item.values)))];
    const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const lines = [["item", "id", "origin", ...names], ...items.map((item) => [item.item, item.name, item.origin, ...names.map((name) => item.values[name] ?? "")])];
    content = new Blob([lines.map((line) => line.map((cell) => quoted(String(cell))).join(",")).join("\n") + "\n"], { type: "text/csv" });
  }
  const link = make("a", { href: URL.createObjectURL(content), download: file });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`Saved ${file}`);
}
