"""Sequences in columns, and names of variants taken apart."""

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Reference, all_singles, read_variant
from sciencegen.report.content import Change

REFERENCE = Reference("MKVLAW", 24)
LETTERS = DOMAIN.pictures.letters
CONTEXT = {"reference": "MKVLAW", "first": 24, "columns": [1, 2, 5]}


def test_every_residue_has_one_class():
    letters = "".join(LETTERS.classes.values())
    assert sorted(letters) == sorted(ALPHABET)


def test_whole_sequences_and_rows_of_an_alignment_lie_in_the_same_columns():
    sites = LETTERS.align(["MKVLAW", "MRVLA-", "KVW", "MKV-"], CONTEXT)
    assert sites.rows == ["KVW", "RV-", "KVW", None]
    assert (sites.columns, sites.reference) == (["25", "26", "29"], "KVW")


def test_without_columns_of_an_alignment_every_residue_is_one():
    sites = LETTERS.align(["MKVLAY", "MK"], REFERENCE)
    assert sites.rows == ["MKVLAY", None]
    assert (sites.columns[0], sites.columns[-1], sites.reference) == ("24", "29", "MKVLAW")


def test_without_a_reference_the_most_frequent_length_is_laid():
    sites = LETTERS.align(["MKV", "MRV", "MKVL"])
    assert (sites.rows, sites.columns, sites.reference) == (["MKV", "MRV", None], ["1", "2", "3"], "")
    assert LETTERS.align([]) is None
    assert LETTERS.align(["MK"], REFERENCE) is None


def test_changes_are_those_that_scores_read():
    names = [*all_singles(REFERENCE), "M24-", "K25R:V26A"]
    expected = [tuple(Change(c.wild_type, c.position, c.letter) for c in read_variant(REFERENCE, n)) for n in names]
    assert LETTERS.changes(names) == expected
    assert LETTERS.changes(["WT", "", "nonsense", "M24*", "M24k"]) == [(), None, None, None, (Change("M", 24, "K"),)]
    assert LETTERS.changes(["p.Met24Lys, V26="]) == [(Change("M", 24, "K"), Change("V", 26, "V"))]
