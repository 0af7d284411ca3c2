"""Heat maps and logos of a run and of measured items; a domain without letters in columns has none."""

import math
from functools import partial

import numpy as np
import pytest

from sciencegen.api.science import align, letters_of
from sciencegen.api.writing.results import score_unit
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.proteins import DOMAIN as PROTEINS
from sciencegen.domains.proteins.variants import Reference
from sciencegen.report.letters import of_items, of_variants

REFERENCE = Reference("MKVLAW", 24)
SCORES = {"mutant": ["K25R", "V26A", "V26-", "K25R:V26A", "no"], "score": [1.0, -2, -5, 9, 9], "score_sd": [0.5] * 5}


def value(made, letter, site):
    return made.values[list(made.rows).index(letter)][list(made.columns).index(site)]


def test_each_single_change_has_its_cell():
    (made,) = of_variants(letters_of(PROTEINS), SCORES, partial(score_unit, PROTEINS), {})
    assert (list(made.columns), list(made.reference)) == (["25", "26"], ["K", "V"])
    assert [value(made, *cell) for cell in (("R", "25"), ("A", "26"), ("-", "26"))] == [1, -2, -5]
    assert np.isfinite(made.values).sum() == 3
    assert made.asides[list(made.rows).index("R")][0] == "± 0.5"
    assert (made.name, made.unit, made.centre, made.direction) == ("score", "nats", 0.0, "maximize")


@pytest.mark.parametrize(
    ("names", "values", "centre", "said"),
    [
        (["K25R", "K25A", "WT"], [3.0, 5.0, 4.5], 4.5, "the wild type"),
        (["K25R", "K25A", math.nan], [3.0, 5.0, 4.5], 4.5, "the median"),  # an empty cell of a table is no wild type
        (["K25R", "K25A", "K25G"], [3.0, -5.0, 4.0], 0.0, ""),
        (["K25R", "K25A", "K25G"], [3.0, 5.0, 4.0], 4.0, "the median"),
    ],
)
def test_a_predicted_property_comes_before_the_score(names, values, centre, said):
    bounds = {"fitness_lower": [value - 1 for value in values], "fitness_upper": [value + 1 for value in values]}
    table = {"mutant": names, "score": [0.0] * 3, "fitness": values, **bounds}
    (made,) = of_variants(letters_of(PROTEINS), table, partial(score_unit, PROTEINS), {"fitness": "minimize"})
    assert (made.name, made.centre, made.centre_name, made.direction) == ("fitness", centre, said, "minimize")
    assert made.asides[list(made.rows).index("R")][0] == "(2 to 4)"


@pytest.mark.parametrize("table", [{}, {"mutant": ["WT"], "score": [0.0]}, {"mutant": ["K25R"], "score": [math.nan]}])
def test_without_single_changes_there_is_no_map(table):
    assert of_variants(letters_of(PROTEINS), table, partial(score_unit, PROTEINS), {}) == []


def test_other_domains_have_none():
    assert letters_of(MOLECULES) is None
    assert align(MOLECULES, ["CCO"], None) is None


def test_a_cell_of_measured_items_is_the_mean_of_those_that_have_it():
    texts = ["MKVLAW", "MRVLAW", "MRALAW", "MK"]
    sites = align(PROTEINS, texts, REFERENCE)
    (made,) = of_items(letters_of(PROTEINS), sites, [1.0, 3.0, 6.0, 99.0], "value", "maximize")
    assert list(made.columns) == ["25", "26"]
    assert [value(made, *cell) for cell in (("R", "25"), ("K", "25"), ("A", "26"), ("V", "26"))] == [4.5, 1, 6, 2]
    assert (made.centre, made.centre_name) == (1.0, "the wild type")
    assert made.asides[list(made.rows).index("R")][0] == "(of 2)"
    assert of_items(letters_of(PROTEINS), align(PROTEINS, texts[:1] * 3, None), [1.0] * 3, "value", None) == []
