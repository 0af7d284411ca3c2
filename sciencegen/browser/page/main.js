"use strict";
// Loads the data, shows the points as soon as they are there, and connects the controls.

async function load(column) {
  if (!column.values.length) column.values = await state.source.column(state.columns.indexOf(column));
}

async function begin() {
  if (embedded) state.source = await embeddedSource(embedded.textContent);
  document.body.classList.toggle("offline", !state.source.live);
  const described = state.source.description();
  const loading = described.then((about) => {  // the values that the map is coloured by come with the points
    state.columns = about.columns.map((column) => ({ ...column, values: new Float32Array(0) }));
    return columnNamed(about.colour) ? load(columnNamed(about.colour)) : null;
  });
  const [about, points] = await Promise.all([described, state.source.points(), loading]);
  Object.assign(state, { about, points });
  byId("title").textContent = about.title;
  byId("count").textContent = `${about.count.toLocaleString("en")} items`;
  byId("x-label").textContent = about.labels[0];
  byId("y-label").textContent = about.labels[1];
  byId("hint").textContent = state.source.live ? "Click an item, or an empty place to decode it. Shift and drag: lasso." : "Click an item. Shift and drag: lasso.";
  setUpMap();
  await paint(about.colour);
  drawOverlay();
  document.body.dataset.painted = String(Math.round(performance.now()));
  map.grid = gridOf(points, map.extent);
  await Promise.all(state.columns.map(load));
  byId("colour").replaceChildren(make("option", { value: "" }, "one colour"), ...state.columns.map((column) => make("option", { value: column.name }, readable(column.name))));
  byId("colour").value = about.colour ?? "";
  drawItem();
  drawSelection();
  drawBasket();
  if (state.source.live) setUpDraw();
  setUpControls();
  document.body.dataset.ready = String(Math.round(performance.now()));
}

function setUpControls() {
  byId("colour").addEventListener("change", (event) => paint(event.target.value));
  byId("pan").addEventListener("click", () => setLasso(false));
  byId("lasso").addEventListener("click", () => setLasso(true));
  byId("reset").addEventListener("click", () => map.plot.reset());
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    tab.addEventListener("click", () => showPanel(tab.id.replace("tab-", "")));
  }
}

begin().catch((error) => say(`The map can't be shown: ${error.message}`, true));
