"""Crystals in files: the same crystal in any format, cell and setting; what isn't one is refused by name."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest

from sciencegen.data.cards import load_card
from sciencegen.domains.crystals.files import OBJECTS, key, parse, read, write
from sciencegen.domains.crystals.geometry import space_group
from sciencegen.domains.crystals.items import Crystal, crystal, parse_text, shortest_basis, text
from sciencegen.errors import ConfigError
from sciencegen.items import Origin, Refusal
from tests.fuzz.borders.crystals import SYMMETRIC, TEXTS, items

pytest.importorskip("spglib")
SALT, PEROVSKITE, RUTILE, ZINCITE = items()


def parsed(block: str) -> Crystal:
    found = parse(block)
    assert isinstance(found, Crystal), found
    return found


def turned(item: Crystal) -> str:
    """The item's POSCAR in a cell of four primitive ones, moved and turned."""
    cell = np.array([[2, 1, 0], [0, 2, 0], [1, 0, 1]])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    shifts = np.array([(i, j, k) for i in range(4) for j in range(4) for k in range(4)])
    _, first = np.unique(shifts @ np.rint(4 * np.linalg.inv(cell)).astype(int) % 4, axis=0, return_index=True)
    places = (item.places[:, None] + shifts[first]).reshape(-1, 3) @ np.linalg.inv(cell)
    symbols = np.repeat(item.symbols, 4)
    rows = [" ".join(map(str, row)) for row in cell @ item.lattice @ turn]
    moved = [" ".join(map(str, row)) for row in places + np.array([0.13, 0.57, 0.2])]
    return "\n".join(["x", "1.0", *rows, " ".join(symbols), " ".join(["1"] * len(symbols)), "Direct", *moved])


@pytest.mark.parametrize("item", [SALT, PEROVSKITE, RUTILE, ZINCITE], ids=["NaCl", "SrTiO3", "TiO2", "ZnO"])
def test_a_crystal_is_the_same_in_each_cell_and_orientation(item):
    found = parsed(turned(item))
    assert len(found) == len(item)
    assert key(found) == key(item)
    assert space_group(found) == space_group(item)


@pytest.mark.parametrize("ending", [".cif", ".cif.gz", ".extxyz", ".vasp", ".txt", ".csv", ".parquet"])
def test_what_is_written_is_read(ending, tmp_path):
    path = tmp_path / f"some{ending}"
    write(path, items(), [f"n{row}" for row in range(4)], {"gap": [1.5, 2.5, 3.0, 0.0]})
    rows = list(read(path))
    assert [key(parsed(row.text)) for row in rows] == [key(item) for item in items()]
    if ending not in (".vasp", ".txt"):
        assert [(row.id, row.values["gap"]) for row in rows] == [("n0", 1.5), ("n1", 2.5), ("n2", 3.0), ("n3", 0.0)]


@pytest.mark.long
def test_a_cif_with_symmetry_holds_the_same_crystal_for_all_readers(tmp_path):
    """Of the committed sample of the Materials Project: ours, ASE's and pymatgen's."""
    ase, pymatgen = pytest.importorskip("ase.io"), pytest.importorskip("pymatgen.io.cif")
    sample = load_card("crystals/materials-project").sample_rows(read)
    known = [parsed(row.text) for rows in sample.values() for row in rows]
    write(tmp_path / "all.cif", known, [f"n{row}" for row in range(len(known))], {})
    blocks = [row.text for row in read(tmp_path / "all.cif")]
    keys = [key(item) for item in known]
    assert len(known) == 200
    assert [key(parsed(block)) for block in blocks] == keys
    assert ["'P 1'" in block for block in blocks] == [space_group(item, 0.001) == 1 for item in known]
    every = range(0, 200, 4)
    of_ase = [ase.read(io.StringIO(blocks[row]), format="cif") for row in every]
    of_pymatgen = [pymatgen.CifParser.from_str(blocks[row]).parse_structures()[0] for row in every]
    for read_by in (of_ase, of_pymatgen):
        assert [key(parsed(OBJECTS.text(one) or "")) for one in read_by] == [keys[row] for row in every]


@pytest.mark.parametrize("name", ["none.cif", "none.vasp", "none.extxyz", "none.txt"])
def test_a_search_without_candidates_writes_an_empty_file(tmp_path, name):
    write(tmp_path / name, [], [], {}, Origin("optimize", "crystals"))
    assert (tmp_path / name).read_text() == ""


def test_a_cif_with_symmetry_keeps_the_hand(tmp_path):
    """Of a crystal of P 21 21 21, whose mirror image has the same group."""
    rows = [(14, 0.123, 0.234, 0.345), (8, 0.2, 0.31, 0.47), (8, 0.31, 0.18, 0.29), (8, 0.05, 0.35, 0.22)]
    turns = [((1, 1, 1), (0, 0, 0)), ((-1, -1, 1), (0.5, 0, 0.5)), ((-1, 1, -1), (0, 0.5, 0.5))]
    turns += [((1, -1, -1), (0.5, 0.5, 0))]
    atoms = [(z, *(np.multiply(sign, place) + shift)) for z, *place in rows for sign, shift in turns]
    left = crystal(np.diag([7.0, 8.0, 9.0]), np.array([one[0] for one in atoms]), np.array([one[1:] for one in atoms]))
    assert isinstance(left, Crystal)
    right = crystal(left.lattice, left.numbers, -left.places)
    assert isinstance(right, Crystal)
    write(tmp_path / "both.cif", [left, right], ["l", "r"], {})
    blocks = [row.text for row in read(tmp_path / "both.cif")]
    assert all("'P 21 21 21'" in block for block in blocks)
    assert [_hand(parsed(block)) for block in blocks] == pytest.approx([_hand(left), _hand(right)], abs=1e-3)
    assert _hand(left) == pytest.approx(-_hand(right))


def _hand(item: Crystal) -> float:
    """The triple product of the vectors from a silicon atom to its three nearest oxygen atoms."""
    atom = item.numbers.tolist().index(14)
    apart = item.places[item.numbers == 8] - item.places[atom]
    vectors = (apart - np.round(apart)) @ item.lattice
    return float(np.linalg.det(vectors[np.linalg.norm(vectors, axis=1).argsort()[:3]]))


def test_a_text_is_taken_as_it_stands():
    assert [text(parsed(line)) for line in TEXTS] == list(TEXTS)


def test_symmetry_by_operations_and_by_name_is_the_same_and_keeps_the_hand():
    quartz = parsed(SYMMETRIC)
    bare = re.sub(r"loop_\n_space_group_symop_operation_xyz\n.*\n", "", SYMMETRIC)
    assert key(parsed(bare)) == key(quartz)
    assert (len(quartz), space_group(quartz)) == (9, 154)
    left = bare.replace("P 32 2 1", "P 31 2 1").replace("0.78577", "-0.78577").replace("0.66667", "-0.66667")
    assert space_group(parsed(left)) == 152
    assert key(parsed(left)) == key(quartz)  # as documented: mirror images have one key


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("Si1 0.4697", "Si1 ?"), r"without a place: '\?' is no number \(line 14 of"),
        (("_cell_length_a 4.916(1)\n", ""), "no cell"),
        (("_cell_length_a 4.916(1)", "_cell_length_a 0.001"), "flat|edge"),
        (("O1 0.4135", "Q1 0.4135"), r"no element \(line 15 of"),
        (("'-y,x-y,z+2/3'", "'-y,x-y,w'"), "no symmetry operation"),
        (("_atom_site_fract_z\n", "_atom_site_fract_z _atom_site_occupancy\n"), "not a whole CIF: a loop"),
        (("0.4135 0.2669 0.78577", "0.4750 0 0.68"), "overlapping atoms"),
        (("0.4135 0.2669 0.78577\n", "0.4135\n"), r"not a whole CIF: a loop.*\(line 15 of"),
        (("_space_group_name_H-M_alt 'P 32 2 1'", ";\nno end"), "no end"),
    ],
)
def test_damage_is_refused_by_reason(change, reason):
    found = parse(SYMMETRIC.replace(*change))
    assert isinstance(found, Refusal)
    assert re.search(reason, found.reason)


def test_lines_are_counted_with_the_texts_that_are_left_out(tmp_path):
    told = SYMMETRIC.replace("data_quartz\n", "# by hand\ndata_quartz\n_abstract\n;\nof\nthree lines\n\n;\n")
    (tmp_path / "a.cif").write_text(told.replace("O1 0.4135", "Q1 0.4135"))
    (row,) = read(tmp_path / "a.cif")
    found = parse(row.text)
    assert isinstance(found, Refusal)
    assert (row.line, found.reason.rpartition("(")[2]) == (2, "line 21 of the block)")


def test_a_partly_occupied_site_is_refused_with_its_name():
    shares = SYMMETRIC.replace("_atom_site_fract_z\n", "_atom_site_fract_z _atom_site_occupancy\n")
    shares = shares.replace("0.66667\n", "0.66667 0.5\n").replace("0.78577", "0.78577 1.0")
    assert parse(shares) == Refusal("partly occupied: 0.5 of Si1")


def test_deuterium_is_hydrogen():
    water = "x\n1.0\n4 0 0\n0 4 0\n0 0 4\nD O\n2 1\nCartesian\n0.76 0 0.5\n-0.76 0 0.5\n0 0 0\n"
    assert sorted(parsed(water).symbols) == ["H", "H", "O"]


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("x\n1.0\n4 0 0\n0 4 0\n0 0 4\n2 1\nDirect\n0 0 0\n.5 .5 .5\n0 .5 .5\n", "no elements"),
        ("x\n0\n4 0 0\n0 4 0\n0 0 4\nNa\n1\nDirect\n0 0 0\n", "scale"),
        ("x\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa\n2\nDirect\n0 0 0\n", "1 places for 2 atoms"),
        ("x\n1.0\n4 0 0\n0 4 0\n4 4 0\nNa\n1\nDirect\n0 0 0\n", "flat"),
        ("x\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa\n3000\nDirect\n0 0 0\n", "3000 atoms"),
        ('1\nProperties=species:S:1:pos:R:3 name=a\nNa 0 0 0\n', "no cell"),
        ('1\nLattice="4 0 0 0 4 0 0 0 4" pbc="T T F"\nNa 0 0 0\n', "not periodic"),
        ('0\nLattice="4 0 0 0 4 0 0 0 4"\n\n', "no atoms"),
        ('1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:9999:pos:R:3\nNa 0 0 0\n', "width 9999"),
        ("NaCl", "not a crystal"),
    ],
)  # fmt: skip
def test_other_formats_are_refused_by_reason(block, reason):
    found = parse(block)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_polytypes_are_different_items():
    zincblende = parse_text("crystal:3.08 3.08 3.08 60 60 60|Si 0 0 0|C 0.25 0.25 0.25")
    wurtzite = parse_text(
        "crystal:3.08 3.08 5.0296 90 90 120|Si 0.33333 0.66667 0|Si 0.66667 0.33333 0.5"
        "|C 0.33333 0.66667 0.375|C 0.66667 0.33333 0.875"
    )
    assert isinstance(zincblende, Crystal)
    assert isinstance(wurtzite, Crystal)
    assert zincblende.volume / 2 == pytest.approx(wurtzite.volume / 4, rel=1e-3)
    assert key(zincblende) != key(wurtzite)


def test_what_follows_places_is_neither_lost_nor_slow(tmp_path):
    (tmp_path / "a.vasp").write_text(turned(SALT) + "\n\n" + "1 " * 500 + "x\n")
    found = [parse(row.text) for row in read(tmp_path / "a.vasp")]
    assert [isinstance(one, Refusal) for one in found] == [False, True]


def test_a_folder_lists_each_file_and_says_which_one_is_damaged(tmp_path):
    write(tmp_path / "a.cif", [SALT], ["a"], {})
    (tmp_path / "POSCAR").write_text(turned(RUTILE))
    (tmp_path / "c.cif").write_text("no crystal")
    rows = list(read(tmp_path))
    assert [row.id for row in rows] == ["POSCAR", "a", "c"]
    found = [parse(row.text) for row in rows]
    assert [isinstance(one, Refusal) for one in found] == [False, False, True]


def test_columns_of_numbers_become_values(tmp_path):
    (tmp_path / "t.csv").write_text(f'name,cif,gap\nquartz,"# by hand\n{SYMMETRIC}",9.0\n')
    (row,) = read(tmp_path / "t.csv")
    assert (row.id, row.values, len(parsed(row.text))) == ("quartz", {"gap": 9.0}, 9)


@pytest.mark.long
def test_objects_of_both_libraries_are_items():
    pytest.importorskip("ase")
    pytest.importorskip("pymatgen")
    from ase.build import bulk
    from pymatgen.core import Lattice, Structure

    cube = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    texts = [OBJECTS.text(cube), OBJECTS.text(salt)]
    assert {key(parsed(one)) for one in texts if one} == {
        key(parsed("crystal:3.9881 3.9881 3.9881 60 60 60|Na 0 0 0|Cl 0.5 0.5 0.5"))
    }
    cube.pbc = [True, True, False]
    refused = parse(OBJECTS.text(cube) or "")
    assert isinstance(refused, Refusal)
    assert "periodic" in refused.reason
    mixed = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
    assert parse(OBJECTS.text(mixed) or "") == Refusal("partly occupied")


def test_a_missing_library_is_named_with_how_to_install_it(monkeypatch, tmp_path):
    write(tmp_path / "a.cif", [SALT], ["a"], {})
    monkeypatch.setattr("sciencegen.domains.crystals.geometry.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"spglib to reduce.*pip install 'sciencegen\[crystals\]'"):
        list(read(tmp_path / "a.cif"))
    assert parse_text(TEXTS[0]) is not None


@pytest.mark.long
def test_the_domain_is_imported_without_the_libraries():
    code = (
        "import sys; from sciencegen.domains import load_domain; d = load_domain('crystals');"
        f"i = d.items.parse({TEXTS[0]!r}); d.measure([i], ['density', 'charge_balanced']); d.items.key(i);"
        "print(sorted({'ase', 'spglib', 'pymatgen', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shortest_vectors_don_t_depend_on_the_basis():
    generator = np.random.default_rng(0)
    for _ in range(50):
        lattice, other = generator.normal(size=(3, 3)) * 4, np.eye(3)
        for _ in range(4):
            first, second = generator.choice(3, 2, replace=False)
            other[first] += generator.integers(-3, 4) * other[second]
        lengths = [np.linalg.norm(shortest_basis(one), axis=1) for one in (lattice, other @ lattice)]
        np.testing.assert_allclose(*lengths, rtol=1e-6)


def test_a_cell_in_nanometres_is_told():
    atoms = " Na 0 0 0\n Cl 0.5 0.5 0.5\n"
    lengths = "".join(f"_cell_length_{axis} 0.564\n" for axis in "abc")
    places = "loop_\n_atom_site_type_symbol\n" + "".join(f"_atom_site_fract_{axis}\n" for axis in "xyz")
    for given in (f"data_nm\n{lengths}{places}{atoms}", "crystal:0.564 0.564 0.564 90 90 90|Na 0 0 0|Cl 0.5 0.5 0.5"):
        assert "look like nm: multiply them by 10" in parse(given).reason
