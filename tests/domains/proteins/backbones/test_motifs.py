"""Motifs read from files: exact atoms, and errors for what can't be kept."""

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.files import pdb_lines, write
from sciencegen.domains.proteins.backbones.motifs import END, Free, read_motif
from sciencegen.errors import ConfigError, DataError
from tests.domains.proteins.backbones.examples import chains, moved

ITEM = chains()[5]
"""30 residues."""


def pdb(path, item, keep=lambda line: True):
    """The item's PDB file, with the lines that are kept."""
    lines = "".join(pdb_lines([item], [])).splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("ATOM") or keep(line)))
    return path


def number(line):
    return int(line[22:26])


def test_pieces_have_the_files_atoms_and_letters(tmp_path):
    motif = read_motif(pdb(tmp_path / "a.pdb", ITEM), "3,A20-24,5-30,A3-8,0-2")
    rows = [*range(19, 24), *range(2, 8)]
    assert motif.coordinates == pytest.approx(ITEM.coordinates[rows])
    assert motif.sequence == "".join(ITEM.sequence[row] for row in rows)
    assert motif.sizes == (5, 6)
    assert motif.free[0] == Free(3, 3)
    assert motif.free[2] == Free(0, 2)


def test_free_residues_can_span_the_distance_of_pieces(tmp_path):
    """Fewer than could span it are not drawn; a piece that follows another needs none."""
    path = pdb(tmp_path / "a.pdb", ITEM)
    apart = np.linalg.norm(ITEM.trace[23] - ITEM.trace[2])
    free = read_motif(path, "A20-24,0-30,A3-8").free[1]
    assert 4.0 * free.shortest < apart <= 4.0 * (free.shortest + 1)
    assert read_motif(path, "2,A3-8,A9-12,2").free[1] == Free()
    with pytest.raises(ConfigError, match=rf"{free.shortest} or more free residues between A20-24 and A3-8.*got 1"):
        read_motif(path, "A20-24,1,A3-8")
    with pytest.raises(ConfigError, match="got none"):
        read_motif(path, "A20-24,A3-8")


def test_without_contigs_all_pieces_are_kept(tmp_path):
    path = pdb(tmp_path / "a.pdb", ITEM, lambda line: not 11 <= number(line) <= 14)
    motif = read_motif(path)
    assert motif.sizes == (10, 16)
    assert motif.free[0] == motif.free[2] == END
    apart = np.linalg.norm(ITEM.trace[14] - ITEM.trace[9])
    assert 3.0 * (motif.free[1].shortest + 1) >= apart
    given = read_motif(path, longest=60)
    assert given.free == (Free(0, 60), Free(motif.free[1].shortest, 60), Free(0, 60))


def test_missing_oxygens_are_placed(tmp_path):
    path = pdb(tmp_path / "a.pdb", ITEM, lambda line: line[13] != "O")
    found = read_motif(path, "A3-12,9").coordinates
    assert found[:-1] == pytest.approx(ITEM.coordinates[2:11], abs=0.1)
    assert np.isnan(found[-1, 3]).all(), "it depends on the residue that is drawn next"


@pytest.mark.parametrize(
    ("contigs", "error", "message"),
    [
        ("5,B1-4", ConfigError, r"of chains in .*a.pdb \(A\), got B1-4"),
        ("5,1:1-4", ConfigError, r"of chains in .*a.pdb \(A\), got 1:1-4"),
        ("A25-34,5", ConfigError, r"A25-34: it lacks A31, A32, A33, A34. Chain A has A1-30"),
        ("A1-99", ConfigError, "A35 and 64 more"),
    ],
)
def test_residues_that_are_not_in_the_file(tmp_path, contigs, error, message):
    with pytest.raises(error, match=message):
        read_motif(pdb(tmp_path / "a.pdb", ITEM), contigs)


@pytest.mark.parametrize(("chain", "prefix"), [("1", "1:"), ("a", "a"), ("A", "A")])
def test_pieces_of_chains_with_other_names(tmp_path, chain, prefix):
    path = pdb(tmp_path / "a.pdb", replace(ITEM, chain=chain))
    assert read_motif(path, f"5,{prefix}3-8,5").coordinates[:-1] == pytest.approx(ITEM.coordinates[2:7], abs=1e-3)
    with pytest.raises(ConfigError, match=f"it lacks {prefix}31, .* Chain {chain} has {prefix}1-30"):
        read_motif(path, f"{prefix}30-35,5")


@pytest.mark.parametrize("contigs", ["5,A3-8,5", None])
def test_alpha_carbons_alone_are_refused(tmp_path, contigs):
    path = pdb(tmp_path / "a.pdb", ITEM, lambda line: line[13:15] == "CA")
    with pytest.raises(DataError, match=r"CA only|without N, C"):
        read_motif(path, contigs)


@pytest.mark.parametrize("contigs", ["5,A3-12,5", None])
def test_breaks_are_refused(tmp_path, contigs):
    places = ITEM.coordinates.copy()
    places[6:] += 5
    with pytest.raises(DataError, match=r"without breaks, found one of .* after residue 6"):
        read_motif(pdb(tmp_path / "a.pdb", replace(ITEM, coordinates=places)), contigs)


def test_other_files_are_refused(tmp_path):
    write(tmp_path / "two.pdb", [ITEM, ITEM], ["a", "b"], {})
    with pytest.raises(DataError, match=r"found 2 designs. Write which, from 0, as in '.*\[0\]'"):
        read_motif(tmp_path / "two.pdb")
    with pytest.raises(DataError, match="nothing"):
        read_motif(tmp_path / "none.pdb")
    text = pdb(tmp_path / "a.pdb", ITEM).read_text()
    (tmp_path / "nan.pdb").write_text(text.replace(f"{ITEM.coordinates[4, 1, 0]:8.3f}", "     nan", 1))
    with pytest.raises(DataError, match=r"finite coordinates .* in residue 5"):
        read_motif(tmp_path / "nan.pdb")


def test_a_motif_of_d_amino_acids_is_refused(tmp_path):
    lines, ca = [], ITEM.coordinates.astype(float)
    for line in "".join(pdb_lines([ITEM], [])).splitlines(keepends=True):
        lines.append(line)
        if line.startswith("ATOM") and line[13:15] == "C ":
            row = number(line) - 1
            n, a, c = ca[row, :3]
            side = np.cross(a - n, c - a)
            x, y, z = a + 1.2 * side / np.linalg.norm(side)
            lines.append(f"{line[:12]} CB {line[16:30]}{x:8.3f}{y:8.3f}{z:8.3f}{line[54:]}")
    (tmp_path / "d.pdb").write_text("".join(lines))
    with pytest.raises(DataError, match="D-amino acids"):
        read_motif(tmp_path / "d.pdb", "A3-8,5")


def test_the_frame_of_the_file_does_not_matter(tmp_path):
    turned = replace(ITEM, coordinates=moved(ITEM.coordinates.astype(float)).round(3).astype(np.float32))
    one, other = (read_motif(pdb(tmp_path / "a.pdb", item), "2,A3-8,9-30,A20-24") for item in (ITEM, turned))
    assert one.free == other.free
    assert np.linalg.norm(one.coordinates[0] - one.coordinates[-1], axis=-1) == pytest.approx(
        np.linalg.norm(other.coordinates[0] - other.coordinates[-1], axis=-1), abs=0.01
    )


def test_a_reference_names_one_of_several_designs(tmp_path):
    write(tmp_path / "two.pdb", [chains()[1], ITEM], ["a", "b"], {})
    assert read_motif(tmp_path / "two.pdb[1]", "5,A8-14,5").sequence == ITEM.sequence[7:14]
    assert len(read_motif(tmp_path / "two.pdb[0]", longest=60)) == len(chains()[1])
    with pytest.raises(DataError, match="there is no number 2"):
        read_motif(tmp_path / "two.pdb[2]")
