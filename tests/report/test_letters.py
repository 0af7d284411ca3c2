"""Logos of items."""

import numpy as np

from sciencegen.api.science import align, letters_of
from sciencegen.domains.proteins import DOMAIN as PROTEINS
from sciencegen.domains.proteins.variants import Reference
from sciencegen.report.letters import changes_of, logo_of

REFERENCE = Reference("MKVLAW", 24)


def test_changes_are_named_as_the_reference_numbers_them():
    sites = align(PROTEINS, ["MKVLAW", "MRVLAY", "MK"], REFERENCE)
    assert [changes_of(sites, row) for row in sites.rows] == ["WT", "K25R:W29Y", ""]


def test_a_logo_counts_by_weight_and_shows_what_varies():
    sites = align(PROTEINS, ["MKVLAW", "MRVLAW", "MKVLAW"], REFERENCE)
    made = logo_of(letters_of(PROTEINS), sites, {"found": [0, 1], "known": [2]}, np.array([1.0, 2.0, 5.0]))
    assert (list(made.columns), list(made.reference)) == (["25"], ["K"])
    column = dict(zip(made.letters, made.counts["found"][0], strict=True))
    assert (column["K"], column["R"], column["A"]) == (1, 2, 0)
    assert sum(made.counts["known"][0]) == 5
    assert "1 of 6 sites" in made.note
    assert logo_of(letters_of(PROTEINS), align(PROTEINS, ["MKVLAW"], REFERENCE), {"found": [0]}) is None


def test_of_a_long_item_the_first_group_decides():
    texts = ["A" * 100, "A" * 99 + "C", "C" * 100]
    made = logo_of(letters_of(PROTEINS), align(PROTEINS, texts, None), {"found": [0, 1], "known": [2]})
    assert list(made.columns) == ["100"]
