"""Reading structure files, also bad ones, and writing PDB and mmCIF that are read again."""

import gzip
import os
import zlib
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.proteins.backbones.files import parse, read, write
from sciencegen.domains.proteins.backbones.items import Backbone, key, text
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Origin, Refusal
from tests.domains.proteins.backbones.examples import chains, needs_structures, random_chain
from tests.domains.proteins.backbones.real import holdout
from tests.domains.proteins.example_structures import Line, cif, pdb, peptide

SEQUENCE = "MKVLAWGHYEDRMKVL"


def items(tmp_path, content, name="x.pdb"):
    path = tmp_path / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return {row.id: parse(row.text) for row in read(path)}


def without(lines, *names, numbers=range(-99, 9999)):
    return [one for one in lines if one.atom not in names or one.number not in numbers]


@pytest.mark.parametrize(("form", "name"), [(pdb, "x.pdb"), (pdb, "x.ent.gz"), (cif, "x.cif"), (cif, "x.mmcif.gz")])
def test_chains_are_read_from_every_format(tmp_path, form, name):
    found = items(tmp_path, form([*peptide(SEQUENCE, -3), *peptide(SEQUENCE[:12], chain="B")]), name)
    assert list(found) == ["x_A", "x_B"]
    first = found["x_A"]
    assert (first.sequence, first.chain, first.numbers[:5]) == (SEQUENCE, "A", ("-3", "-2", "-1", "0", "1"))
    assert np.allclose(first.coordinates[1, :, 0], (3.63, 4.83, 5.93, 5.93), atol=1e-3)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_an_atom_at_an_infinity_is_missing(tmp_path):
    lines = pdb(peptide(SEQUENCE)).splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if line.startswith("ATOM") and line[12:16].split() == ["N"])
    lines[at] = f"{lines[at][:30]}     inf{lines[at][38:]}"
    (found,) = items(tmp_path, "".join(lines)).values()
    assert "residue 1 has no coordinates of N" in found.reason


def test_a_chain_is_cut_where_residues_are_missing(tmp_path):
    found = items(tmp_path, pdb([*peptide(SEQUENCE), *peptide(SEQUENCE, 30, start=90), *peptide("KVL", 60, start=190)]))
    assert {name: len(one) for name, one in found.items()} == {"x_A_1-16": 16, "x_A_30-45": 16}
    lines = without(peptide(SEQUENCE * 2), "N", numbers=[17])
    assert [len(one) for one in items(tmp_path, pdb(lines)).values()] == [16, 15]


def test_a_break_between_successive_numbers_stays(tmp_path):
    broken = [*peptide(SEQUENCE), *peptide(SEQUENCE, 17, start=80)]
    assert [len(one) for one in items(tmp_path, pdb(broken)).values()] == [32]


def test_insertion_codes_alternates_and_missing_oxygens(tmp_path):
    lines = [Line(one.atom, one.residue, 5, one.place, insertion="AB"[one.number - 5]) if one.number in (5, 6) else one
             for one in peptide(SEQUENCE)]  # fmt: skip
    numbers = items(tmp_path, pdb(lines))["x_A"].numbers
    assert numbers[3:7] == ("4", "5A", "5B", "7")
    twice = [Line(one.atom, one.residue, one.number, tuple(np.add(one.place, shift)), alternate=label, occupancy=share)
             for one in peptide(SEQUENCE) for label, share, shift in (("A", 0.4, 0.0), ("B", 0.6, 1.0))]  # fmt: skip
    assert np.allclose(items(tmp_path, pdb(twice))["x_A"].coordinates[0, 0], (1, 1, 1))
    bare = items(tmp_path, pdb(without(peptide(SEQUENCE), "O")))["x_A"]
    assert np.allclose(np.linalg.norm(bare.coordinates[:, 3] - bare.coordinates[:, 2], axis=1), 1.231, atol=2e-3)


@pytest.mark.parametrize(("form", "name"), [(pdb, "x.pdb"), (cif, "x.cif")])
@pytest.mark.parametrize("insertion", ["1", "é"])
def test_an_insertion_code_that_is_no_letter_is_refused(tmp_path, form, name, insertion):
    """Residue 2 with the code 1 would be residue 21, which the chain may have too."""
    lines = [replace(one, insertion=insertion) if one.number == 2 else one for one in peptide(SEQUENCE * 2)]
    reason = items(tmp_path, form(lines), name)["x_A"].reason
    assert insertion in reason
    assert "letter" in reason


def test_what_holds_no_backbone_is_refused_with_the_reason(tmp_path):
    trace = [one for one in peptide(SEQUENCE) if one.atom == "CA"]
    assert "with CA only" in items(tmp_path, pdb(trace))["x_A"].reason
    assert "4 residues; 10 to" in items(tmp_path, pdb(peptide("MKVL")))["x_A"].reason
    assert "1 residues" in items(tmp_path, pdb(peptide("M")))["x_A"].reason
    mirrored = [Line(one.atom, one.residue, one.number, (*one.place[:2], -one.place[2])) for one in peptide(SEQUENCE)]
    reasons = [one.reason for made in (mirrored, peptide(SEQUENCE))
               for one in items(tmp_path, pdb(made)).values() if isinstance(one, Refusal)]  # fmt: skip
    assert len(reasons) == 1
    assert "D-amino acids, which are mirror images: residues 1, 2, 3, 4, 5" in reasons[0]
    dna = [Line("P", "DA", number, (float(number), 0, 0)) for number in range(1, 20)]
    ligand = [Line("C1", "HEM", 1, (50, 50, 50), "L", "HETATM")]
    for content, reason in ((dna, "none: it holds"), (ligand, "none: it holds HEM")):
        with pytest.raises(DataError, match=reason):
            items(tmp_path, pdb(content))
    assert list(items(tmp_path, pdb([*ligand, *peptide(SEQUENCE)]))) == ["x_A"]
    with pytest.raises(DataError, match="empty file"):
        items(tmp_path, "")
    with pytest.raises(ConfigError, match="Convert it or rename it"):
        read(tmp_path / "x.smi")


def test_a_refused_piece_is_named(tmp_path):
    """In a folder nothing else says which file it is in."""
    (tmp_path / "two.pdb").write_text(pdb(peptide("MKVL")))
    (tmp_path / "trace.pdb").write_text(pdb([one for one in peptide(SEQUENCE) if one.atom == "CA"]))
    reasons = [parse(row.text).reason for row in read(tmp_path)]
    assert reasons[0].startswith("trace_A: 16 residues with CA only")
    assert reasons[1].startswith("two_A: 4 residues; 10 to")


def models_of(count=3, model="MODEL     {:>4}\n", end="TER\nENDMDL\n"):
    return "".join(model.format(n) + pdb(peptide(SEQUENCE, n), end) for n in range(1, count + 1))


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (models_of() + "END\n", "123"),  # as Biopython and RFdiffusion write them
        (models_of(model="MODEL {}\n"), "123"),
        (models_of(model="MODEL        7\n"), "123"),
        (models_of(model="MODEL\n"), "123"),
        (models_of(model="", end="TER\nCONECT    1    2\nEND\n"), "123"),  # files that were put after each other
        (models_of().replace("MODEL        2", "MODEL        9"), "193"),
    ],
)
def test_each_model_of_other_programs_is_a_design(tmp_path, content, names):
    found = items(tmp_path, content)
    assert list(found) == [f"x_{name}_A" for name in names]
    assert [one.numbers[0] for one in found.values()] == ["1", "2", "3"]


def test_a_model_without_protein_is_a_refused_row(tmp_path):
    ligand = pdb([Line("C1", "HEM", 1, (50, 50, 50), "L", "HETATM")], "ENDMDL\n")
    found = items(tmp_path, f"{models_of(1)}MODEL        2\n{ligand}")
    assert found["x_2"].reason == "x_2: a model without protein"


def test_of_an_experiment_the_first_model_is_read(tmp_path):
    with pytest.warns(UserWarning, match="3 models of an experiment: the first"):
        found = items(tmp_path, "EXPDTA    SOLUTION NMR\n" + models_of())
    assert list(found) == ["x_A"]
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "a.pdb").write_text("EXPDTA    SOLUTION NMR\n" + models_of())
    (folder / "b.pdb").write_text("EXPDTA    THEORETICAL MODEL\n" + models_of(2))
    with pytest.warns(UserWarning, match=r"1 files hold several models.*a\.pdb"):
        assert [row.id for row in read(folder)] == ["a_A", "b_1_A", "b_2_A"]


def test_mmcif_without_optional_columns_and_of_several_blocks(tmp_path):
    whole = cif(peptide(SEQUENCE))
    for name, cell in (("B_iso_or_equiv", " 10.00"), ("occupancy", " 1.00")):
        whole = whole.replace(f"_atom_site.{name}\n", "").replace(cell, "")
    assert items(tmp_path, whole, "x.cif")["x_A"].sequence == SEQUENCE
    with pytest.raises(DataError, match="one block of atoms"):
        items(tmp_path, whole + whole, "x.cif")


def test_a_file_of_designs_of_which_another_program_kept_some(tmp_path):
    write(tmp_path / "a.pdb", chains()[:3], list("abc"), {"helix": [0.1, 0.2, 0.3]})
    head, first, *others = (tmp_path / "a.pdb").read_text().split("MODEL ")
    assert list(items(tmp_path, "MODEL ".join([head, *others]))) == ["b", "c"]
    more = "MODEL ".join([head, first.replace("   1", "   8", 1), *others[:1]])
    assert list(items(tmp_path, more)) == ["x_8_A", "x_2_A"]


def test_names_of_a_folder_are_those_of_files_and_differ(tmp_path):
    for name in ("design.1.pdb", "design.2.pdb"):
        (tmp_path / name).write_text(pdb(peptide(SEQUENCE)))
    for name in ("m.pdb", "n.pdb"):
        write(tmp_path / name, chains()[:2], list("ab"), {})
    names = ["design.1_A", "design.2_A", "a", "b", "n_a", "n_b"]
    assert [row.id for row in read(tmp_path)] == names


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "nowhere", "endless"])
def test_what_is_no_file_in_a_folder_is_one_refused_row(tmp_path, kind):
    (tmp_path / "a.pdb").write_text(pdb(peptide(SEQUENCE)))
    odd, targets = tmp_path / "b.pdb", {"loop": "b.pdb", "nowhere": "nonesuch", "endless": "/dev/zero"}
    if kind in targets:
        odd.symlink_to(targets[kind])
    else:
        os.mkfifo(odd) if kind == "pipe" else odd.mkdir()
    good, bad = (parse(row.text) for row in read(tmp_path))
    assert isinstance(good, Backbone)
    assert "b.pdb" in bad.reason


def test_a_folder_is_read_whole_and_a_bad_file_is_one_row(tmp_path):
    (tmp_path / "a.pdb").write_text(pdb(peptide(SEQUENCE)))
    (tmp_path / "b.pdb").write_text("ATOM  cut")
    (tmp_path / "c.cif.gz").write_bytes(gzip.compress(cif(peptide(SEQUENCE)).encode()))
    (tmp_path / "notes.txt").write_text("x")
    rows = list(read(tmp_path))
    assert [(row.line, row.id) for row in rows] == [(1, "a_A"), (2, "b.pdb"), (3, "c_A")]
    assert "Expected coordinates up to column" in parse(rows[1].text).reason
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found none"):
        read(tmp_path / "empty")


@pytest.mark.parametrize("ending", [".pdb", ".ent.gz", ".cif", ".mmcif.gz"])
@pytest.mark.parametrize("count", [1, 5])
def test_what_is_written_is_read_again(tmp_path, ending, count):
    path, wanted = tmp_path / f"designs{ending}", chains()[:count]
    origin = Origin("generate", "runs/it's", seed=3)
    write(
        path, wanted, [f"design {n}" for n in range(count)], {"helix": [0.25] * count, "note": [None] * count}, origin
    )
    rows = list(read(path))
    assert [row.id for row in rows] == [f"design_{n}" for n in range(count)]
    assert all(row.values == {"helix": 0.25} for row in rows)
    back = [parse(row.text) for row in rows]
    for one, other in zip(back, wanted, strict=True):
        assert (one.sequence, one.numbers, key(one)) == (other.sequence, other.numbers, key(other))
        assert np.array_equal(one.coordinates, other.coordinates)
    assert key(parse(f"{path}[{count - 1}]")) == key(wanted[-1])
    assert f"no number {count}" in parse(f"{path}[{count}]").reason


def test_a_design_without_a_sequence_and_with_breaks_is_read_again(tmp_path):
    item = random_chain(0, 20)
    places = item.coordinates + 6.0 * np.arange(20)[:, None, None].astype(np.float32)
    torn = Backbone(places, "X" * 20, item.numbers)
    write(tmp_path / "a.pdb", [torn], ["a"], {})
    back = parse(next(read(tmp_path / "a.pdb")).text)
    assert (back.sequence, len(back)) == ("X" * 20, 20)


@pytest.mark.parametrize("chain", ["'", '"', "#", ";", "_a", "[", "?", ".", "'A", "A'B"])
def test_a_chain_with_any_name_is_read_again_from_mmcif(tmp_path, chain):
    write(tmp_path / "x.cif", [replace(chains()[0], chain=chain)], ["x"], {})
    found = [parse(row.text) for row in read(tmp_path / "x.cif")]
    assert [one.chain for one in found] == [chain]
    assert found[0].sequence == chains()[0].sequence


def test_numbers_beyond_the_columns_of_pdb(tmp_path):
    item = random_chain(0, 20)
    large = Backbone(item.coordinates, item.sequence, tuple(str(10_000 + n) for n in range(20)))
    for name, first in (("a.pdb", "1"), ("a.cif", "10000")):
        write(tmp_path / name, [large], ["a"], {})
        assert parse(next(read(tmp_path / name)).text).numbers[0] == first


def test_a_table_and_its_structures_may_be_moved_together(tmp_path):
    write(tmp_path / "designs.pdb", chains()[:2], ["a", "b"], {})
    write(tmp_path / "other.pdb", chains()[:1], ["a"], {})
    rows = "results/designs.pdb[1]", "results/other.pdb[0]"
    (tmp_path / "designs.csv").write_text("item\n" + "\n".join(rows))
    first, second = (parse(row.text) for row in read(tmp_path / "designs.csv"))
    assert first.sequence == chains()[1].sequence
    assert second.reason == "there is no file results/other.pdb"


def test_references_name_chains_and_pieces(tmp_path):
    (tmp_path / "two.pdb").write_text(pdb([*peptide(SEQUENCE), *peptide(SEQUENCE[::-1], chain="B")]))
    path = tmp_path / "two.pdb"
    assert parse(f"{path}:B").sequence == SEQUENCE[::-1]
    assert "holds 2 pieces of chains" in parse(str(path)).reason
    assert "found protein chains: A, B" in parse(f"{path}:Z").reason
    crc = zlib.crc32(SEQUENCE[2:14].encode())
    piece = parse(f"{path}:B:12/{crc:08x}")
    assert (piece.sequence, piece.chain, piece.numbers[0], piece.name) == (SEQUENCE[2:14], "A", "3", "two_A")
    assert "no unbroken piece of 12 residues" in parse(f"{path}:A:12/00000000").reason
    (tmp_path / "list.csv").write_text(f"item,cluster\ntwo.pdb:A,1\n{text(chains()[0])},2\ngone.pdb:A,3\n")
    found = [parse(row.text) for row in read(tmp_path / "list.csv")]
    assert [one.sequence for one in found[:2]] == [SEQUENCE, chains()[0].sequence]
    assert found[2].reason == "there is no file gone.pdb"
    for wrong in ("", "MKV", "x.smi:A", "a\0b.pdb", "x" * 5000 + ".pdb"):
        assert isinstance(parse(wrong), Refusal)


def test_sequences_of_a_file_of_designs_are_read_too(tmp_path):
    write(tmp_path / "a.pdb", chains()[:3], list("abc"), {})
    rows = list(load_domain("proteins").items.read(tmp_path / "a.pdb", None))
    assert [(row.id, row.text) for row in rows] == [*zip("abc", [one.sequence for one in chains()[:3]], strict=True)]


@needs_structures
def test_real_structures_are_read_and_written(tmp_path):
    real = holdout(4)
    write(tmp_path / "a.cif", real, [one.name for one in real], {})
    assert [key(parse(row.text)) for row in read(tmp_path / "a.cif")] == [key(one) for one in real]


@pytest.mark.parametrize("shift", [-1500.0, -9900.0, 9900.0])
@pytest.mark.parametrize("symmetry", ["", "C2"])
def test_far_coordinates_are_read_again(tmp_path, shift, symmetry):
    item = replace(
        random_chain(0, 12), coordinates=random_chain(0, 12).coordinates + np.float32(shift), symmetry=symmetry
    )
    write(tmp_path / "far.pdb", [item], ["far"], {})
    (found,) = (parse(row.text) for row in read(tmp_path / "far.pdb"))
    assert found.symmetry == symmetry
    assert np.abs(found.coordinates - item.coordinates).max() < 0.006


def test_a_reference_names_a_chain_of_an_assembly(tmp_path):
    item = replace(random_chain(0, 12), symmetry="C2")
    path = tmp_path / "pair.pdb"
    write(path, [item], ["pair"], {"motif_positions": ["21"]})
    second = parse(f"{path}:B")
    assert (second.chain, second.symmetry) == ("B", "")
    assert np.allclose(second.coordinates, item.copies[1], atol=1e-3)
    assert "found protein chains: A, B" in parse(f"{path}:Z").reason
