"""A campaign's plots: the best so far never worsens, intervals are counted."""

import re
from dataclasses import replace

import pytest

from sciencegen.report import plots as round_plots
from tests.report.example_sites import agreement as expected
from tests.report.example_sites import rounds


@pytest.mark.parametrize(("direction", "best"), [("maximize", [3, 5, 5]), ("minimize", [1, 1, 1])])
def test_the_best_so_far_is_of_all_rounds_up_to_one(direction, best):
    assert list(replace(rounds(), direction=direction).best_so_far().values()) == best


def test_intervals_hold_what_lies_in_them():
    assert expected().inside.tolist() == [True, True, False]


def test_a_point_leads_to_its_row_of_the_table():
    svg = round_plots.rounds(rounds())
    assert sorted(re.findall(r'data-row="(-?\d)" data-label="(\w)"', svg)) == list(zip("01234", "debca", strict=True))
    both = round_plots.agreement(replace(expected(), table_rows=[0, 1, -1]))
    assert re.findall(r'class="marks (\w+)"', both) == ["candidate", "front"]
    assert 'data-row="-1" data-label="e"' in both


def test_equal_values_do_not_hide_each_other():
    svg = round_plots.rounds(replace(rounds(), rounds=[1] * 5, values=[2.0] * 5))
    places = re.findall(r'cx="([\d.]+)"', svg)
    assert len(set(places)) == 5
