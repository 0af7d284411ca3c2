import math
import re
import shutil
import subprocess

import pytest

from sciencegen.report.content import CandidateContent, TableColumn
from sciencegen.report.page import render_page
from sciencegen.report.sections import candidates as candidates_table
from sciencegen.report.text import embedded
from tests.report.example import candidates


@pytest.fixture(scope="module")
def markup() -> str:
    return candidates_table(candidates())


ACT = """<script>
const set = (id, value, event) => {{
  document.getElementById(id).value = value;
  document.getElementById(id).dispatchEvent(new Event(event));
}};
{steps}
const shown = [...document.querySelectorAll("tbody[role] tr")].filter((row) => !row.hidden);
document.title = shown.map((row) => row.id.slice(10)).join(" ");
</script></body>"""


def test_every_column_has_a_head_that_sorts(markup):
    heads = re.findall(
        r'<th .*?aria-sort="none".*?data-kind="(\w+)" data-name="([^"]+)"><button.*?data-column="(\d+)"', markup
    )
    kinds = {
        "rank": "number",
        "Item": "text",
        "score": "number",
        "mass": "number",
        "novel": "flag",
        "note_of_origin": "text",
    }
    assert {name: kind for kind, name, _ in heads} == kinds
    cells = re.findall(r"<tr id=.*?</tr>", markup, re.S)[0].count("<td ")
    assert [int(column) for *_, column in heads] == [0, *range(2, cells)]  # 1 is the picture
    assert markup.count('scope="col"') == cells


def test_the_first_click_brings_the_better_end_to_the_top(markup):
    assert re.search(r'data-first="descending">score<', markup)
    assert re.search(r'data-first="ascending">mass<', markup)


def test_cells_carry_the_exact_value_and_show_a_rounded_one(markup):
    third = 0.1 + 0.2
    cells = candidates_table(CandidateContent(["a", "b"], [TableColumn("x", [third, 12.0])]))
    assert f'data-value="{third!r}"' in cells
    assert ">0.3<" in cells


def test_long_texts_wrap_within_words():
    long, short = "C" * 100, "a few words"
    cells = candidates_table(CandidateContent(["a", "b"], [TableColumn("route", [long, short])]))
    assert re.search(f'class="text long"[^>]*>{long}<', cells)
    assert re.search(f'class="text"[^>]*>{short}<', cells)


def test_a_value_outside_the_requested_range_is_marked_in_words_too(markup):
    rows = re.findall(r"<tr id=.*?</tr>", markup, re.S)
    outside = ["outside the requested range" in row for row in rows]
    assert outside == [not 1.0 <= 1.5 * i <= 9.0 for i in range(12)]


def test_intervals_units_ids_and_alternative_texts_are_shown(markup):
    assert 'class="interval">0.800 to 1.000<' in markup
    assert 'class="unit">kg<' in markup
    assert 'class="want">1 to 9<' in markup
    assert 'role="img" aria-label="Picture of thing-0: item 0"' in markup
    assert "score lower" not in markup
    assert "note of origin" in markup


def test_missing_values_are_missing_not_zero():
    markup = candidates_table(
        CandidateContent(["a", "b"], [TableColumn("x", [math.nan, 1.5]), TableColumn("f", [None, True])])
    )
    assert re.findall(r'class="number" data-value="([^"]*)"[^>]*>–<', markup) == [""]
    assert re.findall(r'class="flag" data-value="([^"]*)"[^>]*>–<', markup) == [""]


def test_a_table_without_pictures_has_no_column_for_them():
    markup = candidates_table(CandidateContent(["a"], [TableColumn("x", [1])]))
    assert "picture" not in markup.lower()
    assert '<option value="2">x</option>' in markup


def test_the_count_says_what_is_not_shown():
    assert "The first 1 of 1\u202f843 candidates" in candidates_table(CandidateContent(["a"], total=1843))


def test_a_picture_becomes_part_of_the_page():
    assert embedded("<?xml version='1.0'?>\n<!DOCTYPE svg><!-- made by --><svg></svg>\n") == "<svg></svg>"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        ("", list(range(1, 13))),
        ("document.getElementById('order').click()", list(range(12, 0, -1))),
        ("set('sort', '3', 'change'); document.getElementById('order').click()", list(range(12, 0, -1))),
        ("set('filter', 'mass >= 3, mass < 9, right', 'input')", [4]),
        ("set('filter', 'item 1', 'input')", [2, 11, 12]),
        ("document.querySelector('[data-flag]').click()", [1, 3, 5, 7, 9, 11]),
    ],
)
def test_sorting_and_filtering_in_a_browser(tmp_path, steps, rows):
    text = re.sub(r"<meta http-equiv[^>]*>", "", render_page("t", {"candidates": candidates_table(candidates())}))
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", ACT.format(steps=steps)), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run(
        ["chromium", *flags, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert re.search(r"<title>([^<]*)</title>", shown.stdout).group(1) == " ".join(map(str, rows))
