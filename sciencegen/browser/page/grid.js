"use strict";
// Points in square cells of a grid, for the nearest one and those within a polygon. Each search looks only at the cells
// that it touches, so that pointing at one of a million points needs no redrawing and takes well below a millisecond.

const PER_CELL = 4;
const MOST_CELLS = 1024;

function gridOf(points, extent) {
  const count = points.length / 2;
  const side = Math.max(1, Math.min(MOST_CELLS, Math.ceil(Math.sqrt(count / PER_CELL))));
  const [x0, y0] = [extent.x[0], extent.y[0]];
  const size = (2 * extent.half) / side;
  const along = (value, start) => Math.max(0, Math.min(side - 1, Math.floor((value - start) / size)));
  const cells = new Uint32Array(count);
  const starts = new Uint32Array(side * side + 1);
  for (let at = 0; at < count; at += 1) {
    cells[at] = along(points[2 * at + 1], y0) * side + along(points[2 * at], x0);
    starts[cells[at] + 1] += 1;
  }
  for (let cell = 0; cell < side * side; cell += 1) starts[cell + 1] += starts[cell];
  const filled = starts.slice(0, -1);
  const members = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) members[filled[cells[at]]++] = at;

  // The points in the cells that a rectangle touches.
  function* within(left, right, bottom, top) {
    for (let row = along(bottom, y0); row <= along(top, y0); row += 1) {
      const first = starts[row * side + along(left, x0)];
      const end = starts[row * side + along(right, x0) + 1];
      for (let at = first; at < end; at += 1) yield members[at];
    }
  }

  // The nearest point within a radius, or null.
  function nearest(x, y, radius) {
    let [best, found] = [radius * radius, null];
    for (const index of within(x - radius, x + radius, y - radius, y + radius)) {
      const distance = (points[2 * index] - x) ** 2 + (points[2 * index + 1] - y) ** 2;
      if (distance < best) [best, found] = [distance, index];
    }
    return found;
  }

  // The points within a closed polygon of [x, y], by the number of its edges to the right of each point.
  function inside(polygon) {
    const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
    const found = [];
    const count = polygon.length;
    for (const index of within(Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys))) {
      const [x, y] = [points[2 * index], points[2 * index + 1]];
      let isInside = false;
      for (let at = 0, before = count - 1; at < count; before = at, at += 1) {
        if (ys[at] > y !== ys[before] > y && x < ((xs[before] - xs[at]) * (y - ys[at])) / (ys[before] - ys[at]) + xs[at]) isInside = !isInside;
      }
      if (isInside) found.push(index);
    }
    return found;
  }

  return { nearest, inside };
}
