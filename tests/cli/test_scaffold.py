"""`generate --scaffold`: the atoms of a file keep their coordinates, and the rest is generated around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

CALL = (
    "generate",
    "molecules",
    "--model",
    "qm9-molecules",
    "--scaffold",
    "part.sdf",
    "--allow-implausible",
    "--threads",
    1,
)


def write_part(smiles: str) -> np.ndarray:
    """The heavy atoms of an embedded molecule as part.sdf, and their places."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(molecule, randomSeed=3) == 0
    heavy = Chem.RemoveHs(molecule)
    Path("part.sdf").write_text(Chem.MolToMolBlock(heavy) + "$$$$\n")
    return heavy.GetConformer().GetPositions()


@pytest.mark.long
def test_the_scaffold_stays_in_place_and_the_same_seed_gives_the_same_bytes(cli):
    places = write_part("C1CO1")
    for name in ("a.sdf", "b.sdf"):
        done = cli(*CALL, "-n", 4, "--seed", 1, "-o", name)
        assert done.code in (0, 5), done.err
    assert Path("a.sdf").read_bytes() == Path("b.sdf").read_bytes()
    made = list(Chem.SDMolSupplier("a.sdf", removeHs=False))
    assert len(made) >= 2
    for molecule in made:
        matches = molecule.GetSubstructMatches(Chem.MolFromSmarts("[#6]1-[#6]-[#8]-1"), uniquify=False)
        positions = molecule.GetConformer().GetPositions()
        rmsd = min(np.sqrt(((positions[list(match)] - places) ** 2).sum(1).mean()) for match in matches)
        assert rmsd < 0.1
        assert "around the scaffold" in molecule.GetProp("structure")
    left_out = 0 if done.code == 0 else len(pd.read_csv("a.sdf.rejects.csv"))
    assert len(made) + left_out == 4


def test_what_cannot_be_drawn_around_is_told(cli):
    write_part("C1CCC2(CC1)CCCCC2")  # more heavy atoms than the model has
    done = cli(*CALL, "-n", 2, "-o", "big.sdf")
    assert done.code == 2
    assert "31 atoms with its hydrogens" in done.err
    write_part("c1ccsc1")
    done = cli(*CALL, "-n", 2, "-o", "sulfur.sdf")
    assert done.code == 2
    assert "holds S" in done.err
    write_part("FC(F)(F)C(F)(F)F")  # valid, but no draw contains it
    done = cli(*CALL, "-n", 2, "--attempts", 10, "-o", "rare.sdf")
    assert done.code == 5
    assert "Found 0 of 2" in done.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--raw",), "--raw or --scaffold"),
        (("--scaffold", "none.sdf"), "none.sdf"),
        (("--model", "molecules"), "--complete"),
    ],
)
def test_flags_that_do_not_go_together(cli, flags, message):
    write_part("C1CO1")
    done = cli(*CALL, *flags, "-n", 2, "-o", "x.sdf")
    assert done.code in (2, 3)
    assert message in done.err
    assert not Path("x.sdf").exists()


def test_a_table_needs_no_coordinates(cli):
    write_part("C1CO1")
    assert cli(*CALL, "-n", 3, "-o", "x.csv").code == 0
    pattern = Chem.MolFromSmarts("[#6]1-[#6]-[#8]-1")
    assert all(Chem.MolFromSmiles(text).HasSubstructMatch(pattern) for text in pd.read_csv("x.csv")["item"])
