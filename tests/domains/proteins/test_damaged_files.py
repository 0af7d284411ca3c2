"""Damaged files of proteins: sequences, alignments and structures are read, or refused with a reason."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.alignments import read_records
from sciencegen.domains.proteins.structures import read_chains, read_structure
from sciencegen.errors import DataError, SciencegenError
from tests.damage import damaged, read_all
from tests.domains.proteins.example_structures import cif, pdb, peptide

SEQUENCE = "ACDEFGHIKLMNPQRSTVWY"
LINES = peptide(SEQUENCE)
ALTERNATES = [replace(line, alternate=label, occupancy=0.5) for line in LINES[:6] for label in "AB"] + LINES[6:]
WHOLE = {
    "a.fasta": "".join(f">name{at} activity={at}.5\n{SEQUENCE[at:]}\n" for at in range(8)),
    "a.txt": "".join(f"{SEQUENCE[at:]} name{at}\n" for at in range(8)),
    "a.csv": "sequence,activity\n" + "".join(f"{SEQUENCE[at:]},{at}.5\n" for at in range(8)),
    "a.pdb": pdb(ALTERNATES),
    "a.cif": cif(ALTERNATES),
}
ALIGNED = {
    "a.a3m": "".join(f">name{at}\n{SEQUENCE[at:]}{'-' * at}\n" for at in range(8)),
    "a.sto": "# STOCKHOLM 1.0\n" + "".join(f"name{at} {SEQUENCE[at:]}{'.' * at}\n" for at in range(8)) + "//\n",
}
CASES = 60


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", WHOLE)
def test_damage_is_a_refusal(tmp_path, name, packed):
    path = tmp_path / (f"{name}.gz" if packed else name)
    whole = gzip.compress(WHOLE[name].encode(), mtime=0) if packed else WHOLE[name].encode()
    for spoilt in (whole, *damaged(whole, CASES, seed=5)):
        path.write_bytes(spoilt)
        for found in read_all(DOMAIN.items.read, DOMAIN.items.parse, path) or []:
            assert isinstance(found, str) or found.reason


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ALIGNED)
def test_damage_of_alignments_is_an_error(tmp_path, name, packed):
    path = tmp_path / (f"{name}.gz" if packed else name)
    whole = gzip.compress(ALIGNED[name].encode(), mtime=0) if packed else ALIGNED[name].encode()
    for spoilt in (whole, *damaged(whole, CASES, seed=6)):
        path.write_bytes(spoilt)
        try:
            assert sum(len(some.names) for some in read_records(path)) < 100
        except SciencegenError:
            continue


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_alternate_locations_without_occupancy_are_read(tmp_path):
    lines = [
        line[:54] + " " * 6 + line[60:] if line.startswith("ATOM") else line for line in pdb(ALTERNATES).split("\n")
    ]
    chain = read_structure(written(tmp_path / "a.pdb", "\n".join(lines)))
    assert chain.sequence == SEQUENCE
    assert sum(residue.alternates for residue in chain.residues) == 6
    short = [line[:54] if line.startswith("ATOM") else line for line in lines]
    assert read_structure(written(tmp_path / "b.pdb", "\n".join(short))).sequence == SEQUENCE


@pytest.mark.parametrize(("labels", "shift"), [(("A1", "B1"), 0.0), (("B", "A2"), 9.0)])
def test_labels_of_alternate_locations_may_have_several_letters(tmp_path, labels, shift):
    """Ties: the first in alphabetical order."""
    place = LINES[4].place
    both = [
        replace(LINES[4], alternate=label, occupancy=0.5, place=(place[0] + 9.0 * at, *place[1:]))
        for at, label in enumerate(labels)
    ]
    chain = read_structure(written(tmp_path / "a.cif", cif([*LINES[:4], *both, *LINES[5:]])))
    assert chain.residues[0].atoms["CB"][0] == pytest.approx(place[0] + shift, abs=1e-3)


@pytest.mark.parametrize("at", [0, 40, 80])
def test_an_mmcif_whose_models_are_mixed_is_refused(tmp_path, at):
    """One wrong number of a model: the first one would lack the atoms of its residue, or all that follow."""
    lines = cif(LINES).splitlines()
    atoms = [number for number, line in enumerate(lines) if line.startswith("ATOM")]
    one = atoms[at + 1]
    lines[one] = lines[one].removesuffix("1") + "77"
    with pytest.raises(DataError, match="the atoms of each model together"):
        read_chains(written(tmp_path / "a.cif", "\n".join(lines)))


@pytest.mark.parametrize("start", ["loop_ 1 2\n", "loop_\n1 2\n", "loop_\nloop_\n"])
def test_an_mmcif_that_starts_with_something_else_is_refused(tmp_path, start):
    with pytest.raises(DataError, match=r"a\.cif"):
        read_chains(written(tmp_path / "a.cif", f"data_x\n{start}{cif(LINES)}"))
