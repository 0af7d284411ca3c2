"""Names of variants: applying a name and naming the result are each other's inverse."""

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import (
    Reference,
    all_singles,
    apply_variant,
    read_variant,
    variant_name,
    variant_sequence,
)
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from tests.domains.proteins.examples import GB1

REFERENCE = Reference("MAKA", 40)


@pytest.mark.parametrize("reference", [REFERENCE, Reference(GB1), Reference(GB1, 227)])
def test_naming_inverts_applying(reference, generator):
    for name in all_singles(reference):
        assert variant_name(reference, apply_variant(reference, name)) == name
    sequence = reference.sequence
    for _ in range(30):
        sequence = DOMAIN.moves.mutate(sequence, generator)
        assert apply_variant(reference, variant_name(reference, sequence)) == sequence
    deleted = "-" + reference.sequence[1:]
    assert apply_variant(reference, variant_name(reference, deleted)) == deleted


def test_names_read_as_the_field_writes_them():
    assert apply_variant(REFERENCE, "A41G:K42R") == "MGRA"
    assert variant_name(REFERENCE, "MGRA") == "A41G:K42R"
    assert variant_name(REFERENCE, "MAKA") == "WT"
    assert variant_name(REFERENCE, "M-KA") == "A41-"
    for same in ("K42R:A41G", "A41G,K42R", "a41g;k42r", " A41G / K42R ", "p.A41G p.K42R", "A41G:K42R:A43A"):
        assert apply_variant(REFERENCE, same) == "MGRA"
    for wild in ("WT", "wt", " wild type "):
        assert apply_variant(REFERENCE, wild) == "MAKA"
    assert [str(change) for change in read_variant(REFERENCE, "K42R:A41=")] == ["K42R", "A41A"]


def test_all_singles_are_nineteen_for_each_position():
    names = all_singles(REFERENCE)
    assert len(names) == len(set(names)) == 19 * 4
    assert names[:2] == ["M40A", "M40C"]
    assert names[-1] == "A43Y"
    assert not any(name[0] == name[-1] for name in names)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("G41A", "'G41A' says G at 41, where the reference has A"),
        ("A39G", "outside the reference, which spans 40 to 43"),
        ("A44G", "spans 40 to 43"),
        ("A0G", "outside"),
        ("A41G:A41V", "'A41G' and 'A41V' change the same position"),
        ("A41*", "is a stop"),
        ("A41X", "X is none of the 20"),
        ("A41insG", "inserts residues"),
        ("A41_K42insG", "inserts residues"),
        ("A41GG", "inserts residues"),
        ("-41G", "inserts residues"),
        ("A41fs", "inserts residues"),
        ("A41del", "write a deletion as A42-"),
        ("41G", "no variant"),
        ("A41G::K42R", "says"),
        ("A41", "no variant"),
        ("hello", "no variant"),
        ("A" + "1" * 5000 + "G", "no variant"),
        ("A４１G", "no variant"),
        ("Å41G", "no variant"),
        ("A" * 5000, "no variant"),
        ("", "empty; the wild type itself is written WT"),
        ("  ", "is written WT"),
    ],
)
def test_what_contradicts_the_reference_is_refused(name, reason):
    found = apply_variant(REFERENCE, name)
    if name == "A41G::K42R":  # repeated separators are one
        assert found == "MGRA"
        return
    assert isinstance(found, Refusal)
    assert reason in found.reason
    assert len(found.reason) < 400


def test_sequences_that_are_no_variants_are_refused():
    assert "5 letters, the reference has 4" in variant_name(REFERENCE, "MAKAA").reason
    assert "unknown residue 'X', at position 2" in variant_name(REFERENCE, "MXKA").reason


@pytest.mark.parametrize("sequence", ["", "MK-V", "mkv", "MKX", "MKV*", "ACGT" * 10])
def test_a_reference_is_a_protein(sequence):
    with pytest.raises(DataError, match="Expected a reference of the 20 amino acids"):
        Reference(sequence)


def test_a_reference_knows_its_positions():
    assert (REFERENCE.first, REFERENCE.last) == (40, 43)
    assert [REFERENCE.residue(position) for position in (39, 40, 42, 43, 44)] == [None, "M", "K", "A", None]
    assert set(ALPHABET) >= set(REFERENCE.sequence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GA", "MGKA"),
        (" ga ", "MGKA"),
        ("A41G", "MGKA"),
        ("MGKA", "MGKA"),
        ("G-", "MGK-"),
        ("_WT", "MAKA"),
        ("WT", "may be the wild type"),
        ("GX", "unknown residue 'X', at position 2"),
        ("G*", "at position 2"),
        ("GAG", "3 letters, the reference has 4"),
    ],
)
def test_letters_at_open_positions_are_a_variant(text, expected):
    found = variant_sequence(Reference("MAKA", 40, (41, 43)), text)
    assert expected in (found.reason if isinstance(found, Refusal) else found)


def test_the_wild_types_own_name_needs_no_sign_where_letters_cannot_be_taken_for_it():
    assert variant_sequence(Reference("MAKA", 40, (41, 42, 43)), "WT") == "MAKA"
