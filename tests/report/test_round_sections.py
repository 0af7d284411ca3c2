"""A campaign's rounds: the best so far never worsens, intervals are counted, the table says the same as the plots."""

import re
from dataclasses import replace

import numpy as np

from sciencegen.report import sections
from sciencegen.report.page import render_page
from tests.report.example_sites import agreement as expected
from tests.report.example_sites import plate, rounds


def table(page: str) -> list[list[str]]:
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.S).group(1)
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


def test_the_table_says_each_round():
    rows = table(sections.rounds(rounds(), expected()))
    assert rows[0] == ["0", "2", "3", "3", "2", "0", "–", "–"]
    assert rows[1][5:] == ["2", "2 of 2 (100 %)", "–"]  # two items have no rank correlation
    assert rows[2][3:] == ["5", "4", "1", "0 of 1 (0 %)", "–"]
    assert len(table(sections.rounds(rounds()))[0]) == 5


def test_one_measurement_is_still_a_page():
    one = replace(rounds(), rounds=np.array([3]), values=np.array([1.0]), labels=["a"], table_rows=[0])
    alone = replace(expected(), **{name: getattr(expected(), name)[:1] for name in (
        "rounds", "predicted", "lower", "upper", "measured", "labels"
    )})  # fmt: skip
    assert "<circle" in sections.rounds(one, alone)


def test_a_plate_is_a_table_of_its_own():
    page = render_page("t", {"plate": sections.plate(plate())})
    assert 'id="plate-1"' in page
    assert "candidates-table" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert "2 items" in page
