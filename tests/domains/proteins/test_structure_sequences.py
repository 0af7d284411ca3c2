"""Sequences out of structures: chains as rows, and one as a wild type with its numbers."""

import gzip

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from tests.domains.proteins.example_structures import cif, pdb, peptide

FIRST, SECOND = "MKVLAWGHYEDRPSTNQCIF", "GASPLKMWEQRTHY"


@pytest.mark.parametrize(("name", "write"), [("1abc.pdb", pdb), ("1abc.cif", cif), ("1abc.ent.gz", pdb)])
def test_each_chain_is_a_row(tmp_path, name, write):
    text = write([*peptide(FIRST, 24), *peptide(SECOND, 1, "B", 200.0)])
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    rows = list(DOMAIN.items.read(path, None))
    assert [(row.line, row.id, row.text) for row in rows] == [(1, "1abc_A", FIRST), (2, "1abc_B", SECOND)]
    assert [DOMAIN.items.parse(row.text) for row in rows] == [FIRST, SECOND]


def test_a_chain_with_a_gap_is_refused_where_it_is(tmp_path):
    """Without the missing loop the sequence would be of another protein."""
    path = tmp_path / "gap.pdb"
    path.write_text(pdb([*peptide(FIRST[:8]), *peptide(FIRST[12:], 13, start=100.0)]))
    (row,) = DOMAIN.items.read(path, None)
    assert row.text == FIRST[:8] + "XXXX" + FIRST[12:]
    found = DOMAIN.items.parse(row.text)
    assert isinstance(found, Refusal)
    assert "unknown residue 'X', at position 9" in found.reason
    with pytest.raises(DataError, match=r"found gaps: 8 to 13 \(4 missing"):
        DOMAIN.variants.read_reference(str(path), 1)


def test_a_chain_is_a_wild_type_with_its_numbers(tmp_path):
    path = tmp_path / "1abc.pdb"
    path.write_text(pdb([*peptide(FIRST, 24), *peptide(SECOND, 1, "B", 200.0)]))
    assert DOMAIN.variants.read_reference(f"{path}:B", 1) == Reference(SECOND)
    assert DOMAIN.variants.read_reference(f"{path}:A", 1) == Reference(FIRST, 24)
    with pytest.raises(DataError, match=r"several that differ .*A \(20 residues\), B \(14 residues\)\. Write .*:A"):
        DOMAIN.variants.read_reference(str(path), 1)
    with pytest.raises(DataError, match="Expected a protein chain 'C'"):
        DOMAIN.variants.read_reference(f"{path}:C", 1)


def test_equal_chains_need_no_name(tmp_path):
    path = tmp_path / "dimer.pdb"
    path.write_text(pdb([*peptide(FIRST, 5), *peptide(FIRST, 5, "B", 200.0)]))
    assert DOMAIN.variants.read_reference(str(path), 1) == Reference(FIRST, 5)


def test_numbers_that_jump_name_nothing(tmp_path):
    path = tmp_path / "jump.pdb"
    path.write_text(pdb([*peptide(FIRST[:10]), *peptide(FIRST[10:], 51, start=3.63 * 10)]))
    with pytest.raises(DataError, match=r"numbers that go up by one .* 1 to 60 for 20 residues"):
        DOMAIN.variants.read_reference(str(path), 1)


def test_a_damaged_file_is_said_before_the_first_row(tmp_path):
    path = tmp_path / "x.pdb"
    path.write_text("nothing of the kind\n")
    with pytest.raises(DataError, match="Expected a structure in PDB or mmCIF format"):
        DOMAIN.items.read(path, None)
