"""The page of `sciencegen explore` with a million points: processor seconds of the browser, and times within the page.

    python -m tests.benchmarks.million_points moses/test --points 1000000

Needs Chromium and websocket-client. The latents are a mixture of 50 normal distributions, the items those of a sample,
repeated: what the page does depends on neither. WebGL runs in software. Processor seconds are those of all processes of
Chromium, and include its answers to this program, which asks every 20 ms whether it is done.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from sciencegen.api.explore import server_of
from sciencegen.api.latent_map import LatentMap, MapColumn, make_map
from sciencegen.api.sources.tables import rows_of_source
from sciencegen.config import MapSettings
from tests.browser.chromium import Chromium

PLACE = (
    "(b => [b.x + map.x(state.points[2 * {0}]), b.y + map.y(state.points[2 * {0} + 1])])"
    "(byId('canvas').getBoundingClientRect())"
)
HOVERS = (
    "(() => { const found = []; for (let at = 0; at < 50; at += 1) { const start = performance.now(); hover(at * 997); "
    "found.push(performance.now() - start); } hover(null); return found.sort((a, b) => a - b)[25]; })()"
)
LASSO = """(() => {
  const { points } = state;
  const lengths = Array.from({ length: points.length / 2 }, (_, at) => Math.hypot(points[2 * at], points[2 * at + 1]));
  const radius = lengths.sort((a, b) => a - b)[Math.floor(lengths.length / 10)];
  const angles = Array.from({ length: 60 }, (_, at) => (at / 30) * Math.PI);
  const polygon = angles.map((angle) => [radius * Math.cos(angle), radius * Math.sin(angle)]);
  const start = performance.now();
  const found = map.grid.inside(polygon);
  select(found);
  return [found.length, performance.now() - start];
})()"""


def made(domain: str, data: str, count: int, folder: Path) -> LatentMap:
    """A map of so many points with two columns."""
    settings = MapSettings(data=data, sample=True, limit=2000, threads=1)
    texts = [row.text for row in rows_of_source(domain, data, None, settings)]
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(50, 32))
    latents = 0.7 * centres[rng.integers(0, 50, count)] + 0.7 * rng.normal(size=(count, 32))
    path = folder / "points.npz"
    np.savez(path, latent=latents.astype(np.float32), item=np.resize(np.array(texts), count))
    found = make_map(domain, MapSettings(data=str(path), threads=1))
    columns = tuple(MapColumn(f"coordinate {at}", found.items.latent[:, at].copy()) for at in (0, 1))
    return replace(found, items=replace(found.items, columns=columns), colour=columns[0])


def used(window: Chromium) -> float:
    """Processor seconds of all processes of the browser."""
    first = psutil.Process(window._process.pid)
    times = [one.cpu_times() for one in (first, *first.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def look(window: Chromium, address: str) -> None:
    """Open the page, point at items, and encircle a tenth of them."""
    start, clock = used(window), time.monotonic()
    window.open(address)
    window.wait("document.body && document.body.dataset.painted", 600)
    print(f"first paint: {used(window) - start:.1f} s of processors, {time.monotonic() - clock:.1f} s")
    window.wait("document.body.dataset.ready", 600)
    print(f"pointing at an item, within the page: {window.value(HOVERS):.1f} ms")
    for at in (7, 1007, 2007):
        start = used(window)
        window.mouse("Moved", *window.value(PLACE.format(at)))
        window.wait("!byId('tip').hidden && byId('tip').querySelector('.text').textContent", 60)
        print(f"pointing at an item, until its text is there: {used(window) - start:.2f} s of processors")
    start = used(window)
    count, milliseconds = window.value(LASSO)
    window.wait("document.querySelector('#selection table')", 60)
    print(f"lasso of {count:,}: {used(window) - start:.2f} s of processors, {milliseconds:.0f} ms in the page")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--domain", default="molecules")
    parser.add_argument("--points", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = made(asked.domain, asked.data, asked.points, Path(folder))
    with server_of(found, "points") as server:
        threading.Thread(target=server.serve, daemon=True).start()
        with Chromium() as window:
            look(window, server.address)


if __name__ == "__main__":
    main()
