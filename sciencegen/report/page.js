"use strict";
(() => {
  const table = document.getElementById("candidates-table");
  const tip = document.getElementById("tip");

  function setUpTable() {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const filter = document.getElementById("filter");
    const sort = document.getElementById("sort");
    const count = document.getElementById("count");
    const intro = count.textContent;
    const flags = [...document.querySelectorAll("[data-flag]")];
    const state = { column: 0, descending: false };

    const value = (row, column) => {
      const cell = row.cells[column];
      if (heads[column].dataset.kind === "text") return cell.textContent;
      return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
    };

    function order() {
      const { column, descending } = state;
      const text = heads[column].dataset.kind === "text";
      const sorted = rows.map((row, index) => [value(row, column), index, row]).sort((a, b) => {
        if (!text && (a[0] !== a[0] || b[0] !== b[0])) return (a[0] !== a[0]) - (b[0] !== b[0]) || a[1] - b[1];
        const way = text ? a[0].localeCompare(b[0], "en") : a[0] - b[0];
        return (descending ? -way : way) || a[1] - b[1];
      });
      body.append(...sorted.map(([, , row]) => row));
      heads.forEach((head, index) => {
        if (head.dataset.kind) head.setAttribute("aria-sort", index !== column ? "none" : descending ? "descending" : "ascending");
      });
      sort.value = String(column);
    }

    function sortBy(column, descending) {
      state.column = column;
      state.descending = descending;
      order();
    }

    // "qed >= 0.9, logp < 3, amide": conditions on columns, and text that the row must hold
    function tests() {
      return filter.value.split(",").map((part) => part.trim()).filter(Boolean).map((part) => {
        const match = part.match(/^(.+?)\s*(<=|>=|≤|≥|<|>|=)\s*(\S+)$/);
        const column = match ? heads.findIndex((head) => (head.dataset.name || "").toLowerCase() === match[1].toLowerCase()) : -1;
        if (column < 0 || Number.isNaN(Number(match[3]))) return (row) => row.textContent.toLowerCase().includes(part.toLowerCase());
        const limit = Number(match[3]);
        const compare = { "<=": (v) => v <= limit, "≤": (v) => v <= limit, ">=": (v) => v >= limit, "≥": (v) => v >= limit,
          "<": (v) => v < limit, ">": (v) => v > limit, "=": (v) => v === limit }[match[2]];
        return (row) => compare(value(row, column));
      });
    }

    function show() {
      const wanted = tests();
      const on = flags.filter((box) => box.checked).map((box) => Number(box.dataset.flag));
      let shown = 0;
      for (const row of rows) {
        row.hidden = !(wanted.every((test) => test(row)) && on.every((column) => value(row, column) === 1));
        shown += !row.hidden;
      }
      count.textContent = shown === rows.length ? intro : `${shown} of ${rows.length} shown`;
    }

    function view(name) {
      table.classList.toggle("cards", name === "cards");
      for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === name));
    }

    function download() {
      const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const columns = heads.map((head, index) => index).filter((index) => heads[index].dataset.kind);
      const cell = (row, index) => {
        const td = row.cells[index];
        if (td.dataset.value !== undefined) return heads[index].dataset.kind === "flag" ? String(td.dataset.value === "1") : td.dataset.value;
        return (td.querySelector("code") || td).textContent;
      };
      const lines = [columns.map((index) => heads[index].dataset.name)];
      for (const row of body.rows) if (!row.hidden) lines.push(columns.map((index) => cell(row, index)));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([lines.map((line) => line.map(quote).join(",")).join("\n") + "\n"], { type: "text/csv" }));
      link.download = "candidates.csv";
      link.click();
      URL.revokeObjectURL(link.href);
    }

    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const column = Number(button.dataset.column);
      sortBy(column, column === state.column ? !state.descending : button.dataset.first === "descending");
    });
    sort.addEventListener("change", () => {
      const column = Number(sort.value);
      sortBy(column, heads[column].querySelector("button").dataset.first === "descending");
    });
    document.getElementById("order").addEventListener("click", () => sortBy(state.column, !state.descending));
    filter.addEventListener("input", show);
    for (const box of flags) box.addEventListener("change", show);
    for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => view(button.dataset.view));
    document.getElementById("download").addEventListener("click", download);
    document.querySelector(".toolbar").hidden = false;
    heads[0].setAttribute("aria-sort", "ascending");
    if (window.matchMedia("(max-width: 700px)").matches) view("cards");
  }

  // the cell of a heat map under the pointer, in words; "" between the cells
  function cellOf(map, event) {
    const [left, top, width, height] = map.dataset.grid.split(" ").map(Number);
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    const column = Math.floor((point.x - left) / width);
    const row = Math.floor((point.y - top) / height);
    const named = (list, index) => map.dataset[list].split("|")[index];
    const value = row < 0 || column < 0 ? "" : ((map.dataset.cells.split(";")[row] || "").split("|")[column] || "");
    const there = column < 0 ? "" : named("reference", column) || "";
    if (row < 0 || named("rows", row) === undefined || named("columns", column) === undefined) return "";
    const name = `${there}${named("columns", column)}${named("rows", row)}`;
    if (!value) return `${name}: ${there === named("rows", row) ? "the wild type" : "no value"}`;
    return `${name}: ${value}${map.dataset.unit ? ` ${map.dataset.unit}` : ""}`;
  }

  function setUpMarks() {
    const rowOf = (mark) => document.getElementById(`candidate-${Number(mark.dataset.row) + 1}`);
    document.addEventListener("mouseover", (event) => {
      const mark = event.target.closest("circle[data-row], [data-tip]");
      tip.hidden = !mark;
      if (!mark) return;
      const row = rowOf(mark);
      const picture = row && row.querySelector(".picture");
      const label = document.createElement("div");
      label.textContent = mark.dataset.tip || mark.dataset.label;
      tip.replaceChildren(...(picture ? [picture.cloneNode(true)] : []), label);
    });
    document.addEventListener("mousemove", (event) => {
      const map = event.target.closest("svg[data-grid]");
      if (map) {
        tip.textContent = cellOf(map, event);
        tip.hidden = !tip.textContent;
      }
      if (tip.hidden) return;
      tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8)}px`;
    });
    document.addEventListener("click", (event) => {
      const mark = event.target.closest("circle[data-row]");
      const row = mark && rowOf(mark);
      if (!row) return;
      for (const other of document.querySelectorAll("tr.found")) other.classList.remove("found");
      row.hidden = false;
      row.classList.add("found");
      tip.hidden = true;
      row.scrollIntoView({ block: "center" });
    });
  }

  function setUpViewer(place) {
    const chooser = document.getElementById("structure");
    const spin = document.getElementById("spin");
    const records = [...document.querySelectorAll("pre[data-structure]")];
    const viewer = $3Dmol.createViewer(place, { backgroundColor: "white", backgroundAlpha: 0 });
    const rainbow = [[40, 80, 200], [0, 160, 210], [40, 170, 80], [235, 190, 30], [240, 120, 30], [205, 40, 45]];
    // from blue at the start of a chain to red at its end
    const alongChain = (count) => (atom) => {
      const at = Math.min(Math.max((atom.serial - 1) / Math.max(count - 1, 1), 0), 1) * (rainbow.length - 1);
      const low = Math.min(Math.floor(at), rainbow.length - 2);
      return rainbow[low].reduce((sum, value, i) => 256 * sum + Math.round(value + (at - low) * (rainbow[low + 1][i] - value)), 0);
    };
    const styles = {
      sticks: () => ({ stick: { radius: 0.12 }, sphere: { scale: 0.25 } }),
      cartoon: (count) => ({ cartoon: { colorfunc: alongChain(count), arrows: true } }),
    };
    const turn = () => viewer.spin(spin.checked ? "y" : false, 0.5);
    function show() {
      viewer.removeAllModels();
      const text = records[Number(chooser.value)].textContent;
      // helices and strands are those of the record
      const model = viewer.addModel(text, place.dataset.format, { noComputeSecondaryStructure: true });
      viewer.setStyle({}, styles[place.dataset.style](model.selectedAtoms({}).length));
      viewer.zoomTo();
      viewer.render();
      turn();
    }
    chooser.addEventListener("change", show);
    spin.addEventListener("change", turn);
    show();
  }

  const place = document.getElementById("viewer");
  if (place) {
    try {
      setUpViewer(place);
    } catch (error) {
      place.textContent = "This browser draws nothing in 3D (no WebGL). The structure file beside this page holds the coordinates.";
    }
  }
  if (table) setUpTable();
  setUpMarks();
  window.addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });
})();
