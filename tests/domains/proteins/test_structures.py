"""One chain of a structure file: what is read, what is said of it, and what is refused."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.domains.proteins import structures as structure_files
from sciencegen.domains.proteins.residues import SIDE_CHAINS, letter_of
from sciencegen.domains.proteins.structures import read_structure
from sciencegen.errors import DataError
from tests.domains.proteins.example_structures import NAMES, Line, cif, pdb, peptide

SEQUENCE = "MKVLAWGHYEDR"


def write(tmp_path, text, name="x.pdb"):
    path = tmp_path / name
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize(("form", "name"), [(pdb, "x.pdb"), (pdb, "x.ent.gz"), (cif, "x.cif"), (cif, "x.mmcif.gz")])
def test_a_chain_is_read_from_every_format(tmp_path, form, name):
    chain = read_structure(write(tmp_path, form(peptide(SEQUENCE, 11)), name))
    assert (chain.sequence, chain.labels[0], chain.labels[-1]) == (SEQUENCE, "11", "22")
    assert np.allclose(chain.atom("N")[1], (3.63, 0, 0))
    assert np.isnan(chain.atom("CB")[6]).all(), "glycine has no CB"
    assert np.allclose(chain.side_chain()[6], chain.atom("CA")[6])
    assert np.allclose(chain.side_chain()[4], chain.atom("CB")[4])
    assert chain.notes() == ["chain A, the first protein chain, of 12 residues was taken"]


def test_the_content_tells_the_format(tmp_path):
    assert read_structure(write(tmp_path, cif(peptide(SEQUENCE)), "wrong.pdb")).sequence == SEQUENCE


def test_the_table_of_side_chains_is_whole():
    assert {letter_of(name): name for name in NAMES.values()} == NAMES
    assert {letter: len(atoms.split()) for letter, atoms in SIDE_CHAINS.items()} == {
        **dict(zip("GASCTPVDNILMEQKHFRYW", [0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5, 6, 7, 7, 8, 10], strict=True))
    }


def test_the_asked_chain_or_the_first_protein(tmp_path):
    ligand = [Line("C1", "HEM", 1, (50, 50, 50), "L", "HETATM")]
    path = write(
        tmp_path, pdb([*ligand, *peptide("GGG", chain="S"), *peptide(SEQUENCE), *peptide("KV" * 6, chain="B")])
    )
    first = read_structure(path)
    assert (first.report.chain, first.sequence) == ("A", SEQUENCE), "three residues are hardly a protein"
    assert "others: S (3), B (12)" in first.notes()[0]
    asked = read_structure(path, "B")
    assert (asked.sequence, asked.notes()) == ("KV" * 6, [])
    assert read_structure(path, "S").sequence == "GGG"
    with pytest.raises(DataError, match=r"chain 'Z' .* found none\. Protein chains: S \(3 residues\), A"):
        read_structure(path, "Z")
    with pytest.raises(DataError, match="found no amino acids, but 1 HEM"):
        read_structure(path, "L")


def test_a_chain_without_a_name(tmp_path):
    path = write(tmp_path, pdb(peptide(SEQUENCE, chain="")))
    assert read_structure(path).report.chain == "_"
    assert read_structure(path, "_").sequence == read_structure(path, " ").sequence == SEQUENCE


def test_gaps_by_distance_and_what_numbers_say_of_them(tmp_path):
    lines = [*peptide("MKVLA", 1), *peptide("WGHYE", 9, start=40.0), *peptide("DRDRD", 14, start=80.0)]
    chain = read_structure(write(tmp_path, pdb(lines)))
    assert [(gap.index, gap.before, gap.after, gap.missing) for gap in chain.gaps] == [
        (4, "5", "9", 3),
        (9, "13", "14", 0),
    ]
    assert "2 gaps in the chain: 5 to 9 (3 missing, 23.2 Å); 13 to 14 (an unknown number missing" in chain.notes()[-1]


def test_a_jump_of_numbers_alone_is_no_gap(tmp_path):
    jumped = [replace(one, number=one.number + 10 * (one.number > 6)) for one in peptide(SEQUENCE)]
    chain = read_structure(write(tmp_path, pdb(jumped)))
    assert (list(chain.gaps), chain.report.renumbered) == ([], 1)
    assert chain.notes()[-1] == "numbers jump at 1 places where the chain goes on"


def test_where_bonding_atoms_are_missing_the_alphas_tell(tmp_path):
    traces = [one for one in [*peptide(SEQUENCE), *peptide("KVK", 20, start=80.0)] if one.atom == "CA"]
    chain = read_structure(write(tmp_path, pdb(traces)))
    assert [(gap.before, gap.after, gap.missing) for gap in chain.gaps] == [("12", "20", 7)]
    assert len(chain.missing_atoms) == 15


def test_insertion_codes_are_kept(tmp_path):
    lines = peptide(SEQUENCE)
    inserted = [replace(one, number=5, insertion="A") if one.number == 6 else one for one in lines]
    for form, name in ((pdb, "x.pdb"), (cif, "x.cif")):
        chain = read_structure(write(tmp_path, form(inserted), name))
        assert chain.labels[3:7] == ["4", "5", "5A", "7"]
        assert chain.sequence == SEQUENCE


def _two_places(first: float, second: float) -> list[Line]:
    lines = peptide(SEQUENCE)
    both = [one for one in lines if one.number == 4]
    return [
        *(one for one in lines if one.number < 4),
        *(replace(one, alternate="A", occupancy=first) for one in both),
        *(replace(one, alternate="B", occupancy=second, place=(*one.place[:2], one.place[2] + 0.5)) for one in both),
        *(one for one in lines if one.number > 4),
    ]


@pytest.mark.parametrize(("first", "second", "shift"), [(0.7, 0.3, 0.0), (0.4, 0.6, 0.5), (0.5, 0.5, 0.0)])
@pytest.mark.parametrize("form", [pdb, cif])
def test_the_location_of_highest_occupancy_is_taken(tmp_path, form, first, second, shift):
    chain = read_structure(write(tmp_path, form(_two_places(first, second))))
    assert chain.atom("CA")[3, 2] == pytest.approx(shift)
    assert "8 atoms have alternate locations: those of highest occupancy were taken" in chain.notes()


def test_the_atoms_of_a_residue_are_of_one_location(tmp_path):
    """One atom of the rarer location has more occupancy by itself."""
    lines = [
        replace(one, occupancy=0.9) if one.alternate == "B" and one.atom == "CD1" else one
        for one in _two_places(0.7, 0.3)
    ]
    chain = read_structure(write(tmp_path, pdb(lines)))
    expected = next(one.place[2] for one in lines if (one.alternate, one.atom) == ("A", "CD1"))
    assert chain.residues[3].atoms["CD1"][2] == pytest.approx(expected)


@pytest.mark.parametrize(("share", "letter"), [(0.7, "L"), (0.3, "V")])
def test_several_residues_at_one_place(tmp_path, share, letter):
    lines = peptide(SEQUENCE)
    here = [replace(one, alternate="A", occupancy=share) for one in lines if one.number == 4]
    other = [one for one in peptide("GGGV") if one.number == 4]
    there = [replace(one, alternate="B", occupancy=1 - share) for one in other]
    before, after = ([one for one in lines if one.number < 4], [one for one in lines if one.number > 4])
    chain = read_structure(write(tmp_path, pdb([*before, *here, *there, *after])))
    assert chain.sequence == f"MKV{letter}{SEQUENCE[4:]}"
    assert "1 positions hold several residues: those of highest occupancy were taken" in chain.notes()


def test_missing_atoms_are_counted(tmp_path):
    lines = [one for one in peptide(SEQUENCE) if not (one.number == 2 and one.atom in ("CE", "NZ"))]
    chain = read_structure(write(tmp_path, pdb(lines)))
    assert chain.missing_atoms == {"2": {"CE", "NZ"}}
    assert "2 heavy atoms are missing in 1 residues: 2" in chain.notes()


def _selenomethionine() -> list[Line]:
    se = {"record": "HETATM", "residue": "MSE"}
    hydrogen = Line("H", NAMES["R"], 12, (43.0, 3.0, 3.0), element="H")
    lines = [replace(one, **se) if one.number == 1 else one for one in [*peptide(SEQUENCE), hydrogen]]
    return [replace(one, atom="SE", element="SE") if one.atom == "SD" else one for one in lines]


@pytest.mark.parametrize("form", [pdb, cif])
def test_modified_residues_ligands_waters_and_hydrogens(tmp_path, form):
    """A free amino acid is a ligand, one that is bonded into the chain isn't."""
    unknown = [replace(one, record="HETATM", residue="XYZ", number=13) for one in peptide("G", start=3.63 * 12)]
    free = [replace(one, record="HETATM", number=301) for one in peptide("E", start=90.0)]
    rest = [
        *unknown,
        *free,
        Line("ZN", "ZN", 302, (60, 0, 0), record="HETATM", element="ZN"),
        Line("O", "HOH", 401, (70, 0, 0), record="HETATM"),
    ]
    chain = read_structure(write(tmp_path, form([*_selenomethionine(), *rest])))
    assert chain.sequence == SEQUENCE + "X"
    assert not chain.missing_atoms
    assert chain.notes()[1:] == [
        "left out of the protein: 1 ZN, 1 GLU",
        "1 waters left out",
        "1 hydrogens left out",
        "modified residues read as others: 1 MSE as M, 1 XYZ as X",
    ]


def test_the_first_of_several_models(tmp_path):
    body = "".join(
        f"MODEL     {number:>4}\n{pdb(peptide(SEQUENCE, start=float(number)), 'ENDMDL')}\n" for number in (1, 2, 3)
    )
    chain = read_structure(write(tmp_path, body + "END\n"))
    assert chain.atom("N")[0, 0] == 1.0
    assert "3 models: the first was taken" in chain.notes()


def test_a_repeated_atom_is_said(tmp_path):
    lines = peptide(SEQUENCE)
    chain = read_structure(write(tmp_path, pdb([*lines, lines[-1]])))
    assert any("the reader passed over 1 faults" in note for note in chain.notes())


def test_a_file_without_an_end_is_said(tmp_path):
    chain = read_structure(write(tmp_path, pdb(peptide(SEQUENCE), end="")))
    assert "the file has no END: it may be cut short" in chain.notes()


NUCLEOTIDES = [Line("C1'", "DA", number, (3.0 * number, 0, 0)) for number in range(1, 4)]
WHOLE = pdb(peptide(SEQUENCE))
CUT = cif(peptide(SEQUENCE), end="").rsplit(" ", 6)[0] + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file"),
        (" \n\n", "found an empty file"),
        ("<html>not found</html>", "found a text that starts with '<html>"),
        ("HEADER    HYDROLASE\nREMARK\nEND\n", "Expected ATOM records in .* found none"),
        (WHOLE[: WHOLE.rindex("ATOM") + 40], "cut short"),
        (WHOLE.replace("   3.630", "   3.x30"), "can't be read"),
        (WHOLE.replace("   3.630", "     nan"), "finite coordinates"),
        (pdb(NUCLEOTIDES), "Expected a protein chain in .* found none: it holds 3 DA"),
        (pdb([Line("O", "HOH", 1, (0, 0, 0), record="HETATM")]), "it holds water"),
        (WHOLE.encode() + b"\0\1", "found a binary file"),
        ("data_TEST\n_entry.id TEST\n", "the file is cut short, or it holds no coordinates"),
        (CUT, "cut short|can't be read"),
        (cif(peptide(SEQUENCE)).replace(" 3.630 ", " x "), "can't be read"),
    ],
)
def test_what_is_no_structure_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_structure(write(tmp_path, text))


@pytest.mark.parametrize("keep", range(20, 1100, 97))
def test_an_mmcif_cut_anywhere_is_an_error_or_said(tmp_path, keep):
    """Nothing but SciencegenErrors leaves the reader, and whole rows are all that is read."""
    text = cif(peptide(SEQUENCE))
    try:
        chain = read_structure(write(tmp_path, text[: len(text) - keep]))
    except DataError:
        return
    assert SEQUENCE.startswith(chain.sequence)


def test_files_that_are_not_there_damaged_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="found nothing"):
        read_structure(tmp_path / "none.pdb")
    with pytest.raises(DataError, match="found a folder"):
        read_structure(tmp_path)
    whole = write(tmp_path, WHOLE, "x.pdb.gz")
    whole.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(DataError, match="a damaged one"):
        read_structure(whole)
    monkeypatch.setattr(structure_files, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="Cut it to the chain"):
        read_structure(write(tmp_path, WHOLE))
