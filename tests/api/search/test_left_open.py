"""What designed items leave open: a column where any does, counts, and a note with the remedy."""

import pytest

from sciencegen.api.science import domain_of
from sciencegen.api.search import left_open_columns, left_open_counts, left_open_notes

MOLECULES, NAME = domain_of("molecules"), "undefined_stereocentres"
OPEN, DEFINED, NONE = "CC(O)Cl", "C[C@H](O)Cl", "CCO"


@pytest.mark.parametrize(
    ("smiles", "counts"), [((OPEN, DEFINED, "CC(F)C(F)Cl"), [1, 0, 2]), ((DEFINED, NONE), None), ((), None)]
)
def test_there_is_a_column_where_an_item_leaves_something_open(smiles, counts):
    found = left_open_columns(MOLECULES, [MOLECULES.items.parse(one) for one in smiles])
    assert found == ({} if counts is None else {NAME: counts})


def test_the_note_counts_the_items_and_names_the_remedy():
    table = {"item": [OPEN, DEFINED, NONE], NAME: [1, 0, None]}
    assert left_open_counts(MOLECULES, table) == {NAME: 1}
    (note,) = left_open_notes(MOLECULES, table, "candidates", "the goal")
    assert note.startswith("1 of 3 candidates leave stereocentres")
    assert "the goal 'undefined_stereocentres = 0' excludes them" in note
    assert left_open_notes(MOLECULES, {"item": [NONE]}, "candidates", "the goal") == []


def test_every_name_is_an_oracle():
    for domain in ("molecules", "molecules/structures", "proteins", "galaxies"):
        oracles = domain_of(domain).oracles
        assert [oracles.find(name).name for name in oracles.left_open] == list(oracles.left_open)
