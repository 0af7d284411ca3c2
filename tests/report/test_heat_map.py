"""Heat maps and logos: what a colour, a height and a mark stand for."""

import math
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.report import sections
from sciencegen.report.canvas import COLOUR
from sciencegen.report.content import HeatMap
from sciencegen.report.letters import (
    BEST,
    SHADES,
    STRIP,
    best_cells,
    centre_and_limit,
    heat_map,
    logo,
    numbered_columns,
    shades,
)
from sciencegen.report.page import render_page
from tests.report.example_sites import heat_map as record
from tests.report.example_sites import logo as logo_record


def cells(svg: str, width: int) -> int:
    return sum(len(re.findall(f"h{width - 1}v", path)) for path in re.findall(r'<path d="([^"]*)" style="fill', svg))


HOVER = """<script>
const map = document.querySelector("svg.heat");
const [left, top_, width, height] = map.dataset.grid.split(" ").map(Number);
const at = (row, column) => {{
  const inside = new DOMPoint(left + (column + 0.5) * width, top_ + (row + 0.5) * height);
  const point = inside.matrixTransform(map.getScreenCTM());
  map.dispatchEvent(new MouseEvent("mousemove", {{ bubbles: true, clientX: point.x, clientY: point.y }}));
  return document.getElementById("tip").hidden ? "" : document.getElementById("tip").textContent;
}};
document.title = [at({row}, {column})].join();
</script></body>"""


def test_colours_part_at_the_centre_and_end_where_values_do():
    made = HeatMap("x", "A", ["1"], "A", [[6.0]], centre=2.0)
    assert centre_and_limit(made) == (2.0, 4.0)
    assert shades(made, np.array([2.0, 6.0, -2.0, 99.0, 4.0])).tolist() == [0, SHADES, -SHADES, SHADES, SHADES / 2]
    assert math.isnan(shades(made, np.array([math.nan]))[0])
    assert centre_and_limit(HeatMap("x", "A", ["1"], "A", [[math.nan]]))[1] > 0
    assert centre_and_limit(HeatMap("x", "A", ["1", "2"], "AA", [[3.0, 3.0]], centre=3.0))[1] > 0


@pytest.mark.parametrize("count", [5, 20, 1000])
def test_one_outlier_leaves_the_colours_of_the_others(count):
    values = [*np.linspace(-1, 1, count - 1), 1000.0]
    made = HeatMap("x", "A", [str(site) for site in range(count)], "A" * count, [values])
    assert 0.9 < centre_and_limit(made)[1] <= 1
    assert shades(made, np.array([-1.0, 1000.0])).tolist() == [-SHADES, SHADES]
    assert centre_and_limit(HeatMap("x", "A", ["1", "2", "3"], "AAA", [[0.0, 0.0, 5.0]])) == (0, 5)


def test_every_value_has_a_cell_and_what_has_none_a_stroke():
    made = record(4)
    (svg,) = heat_map(made)
    values = np.asarray(made.values)
    assert cells(svg, 44) == np.isfinite(values).sum() + values.shape[1]  # and a mean for each column
    assert 'class="blank"' in svg
    assert re.search(r'd="([^"]*)" class="blank"', svg).group(1) == ""  # the only gap is the wild type's own
    sparse = replace(made, values=np.full((3, 4), math.nan))
    assert re.search(r'd="([^"]*)" class="blank"', heat_map(sparse)[0]).group(1).count("M") == 12 - 4
    assert cells(heat_map(sparse)[0], 44) == 0


def test_long_items_break_into_strips_that_hold_every_column_once():
    svgs = heat_map(record(STRIP * 2 + 5))
    assert [len(re.search(r'data-columns="([^"]*)"', svg).group(1).split("|")) for svg in svgs] == [STRIP, STRIP, 5]
    assert sum(svg.count("data-cells") for svg in svgs) == 3
    assert len(logo(logo_record(STRIP + 1))) == 2


@pytest.mark.parametrize(("direction", "ends"), [("maximize", [7.0, 6.0]), ("minimize", [-3.0, -2.0]), (None, [])])
def test_the_best_cells_are_outlined(direction, ends):
    made = replace(record(4), direction=direction)
    best = [np.asarray(made.values)[row, column] for row, column in best_cells(made)]
    assert best[: len(ends)] == ends
    assert len(best) == (BEST if direction else 0)
    assert heat_map(made)[0].count('class="best"') == 1


def test_columns_are_numbered_by_tens_and_after_a_gap():
    names = [str(n) for n in (*range(24, 41), *range(52, 62))]
    assert [names[at] for at in numbered_columns(names, False)] == ["24", "30", "52", "60"]  # no room for 40
    assert len(numbered_columns(names, True)) == len(names)


def test_a_long_protein_stays_small_and_every_colour_is_the_page_s():
    values = np.random.default_rng(0).normal(size=(20, 286))
    asides = [["± 0.31"] * 286] * 20
    made = HeatMap("score", "ACDEFGHIKLMNPQRSTVWY", [str(n) for n in range(1, 287)], "A" * 286, values, asides)
    svgs = "".join(heat_map(made))
    assert len(svgs) < 350_000
    assert re.findall(r"#[0-9a-f]{6}", svgs + "".join(logo(logo_record()))) == []
    assert not [colour for colour in COLOUR.values() if colour in svgs]
    assert svgs.count('role="img"') == svgs.count("aria-label=") == 5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
@pytest.mark.parametrize(
    ("row", "column", "told"),
    [(2, 1, "B10C: 5 ± 0.1 nats"), (0, 0, "A9A: the wild type"), (1, 3, "B12B: 3 ± 0.1 nats"), (-1, 0, ""), (0, 9, "")],
)
def test_pointing_at_a_cell_tells_it(tmp_path, row, column, told):
    text = render_page("t", {"changes": sections.heat_maps([record(4)])})
    text = re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", HOVER.format(row=row, column=column))
    page = tmp_path / "page.html"
    page.write_text(text, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run(
        ["chromium", *flags, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert re.search(r"<title>([^<]*)</title>", shown.stdout).group(1) == told
