"""Cores: parts of other molecules at attachment points, and nothing else changes."""

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.patterns import LARGEST_PART, read_cores
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

SOURCES = [
    "COc1ccc(CNC(=O)c2ccncc2)cc1", "CCN(CC)CC(=O)Nc1c(C)cccc1C", "O=S(=O)(Nc1ccccc1)c1ccc(Cl)cc1", 
    "CC(C)Cc1ccc(OCCN)cc1",
    "C[C@H](N)C(=O)N1CCC[C@H]1c1ccccc1", "FC(F)(F)c1cc(Br)ccc1CN1CCOCC1",
]  # fmt: skip


def joined(core, count=40):
    generator = np.random.default_rng(0)
    cores, sources = read_cores(core), [Chem.MolFromSmiles(smiles) for smiles in SOURCES]
    made = [cores[k % len(cores)].joined(sources[k % len(sources)], generator) for k in range(count)]
    return [one for one in made if not isinstance(one, Refusal)]


@pytest.mark.parametrize(
    ("core", "points"),
    [
        ("c1ccc2[nH]c([*:1])nc2c1", 1), ("CN1CC[C@@H](C1)c1ccc([*:1])nc1[*:2]", 2), ("*c1ccc(S(N)(=O)=O)cc1", 1),
        ("C[C@H]([*:1])N(C)C", 1), ("F/C=C/[*:1]", 1), ("[*:5]C(=O)N[C@@H](C)c1ccccc1", 1),
        ("OC(=O)C[N+](C)(C)C[*]", 1),
    ],
)  # fmt: skip
def test_the_core_stays_with_its_stereochemistry_and_its_points_are_filled(core, points):
    made = joined(core)
    assert len(made) > 10
    fixed = Chem.MolFromSmiles(core).GetNumHeavyAtoms()
    for molecule in made:
        assert molecule.HasSubstructMatch(Chem.MolFromSmarts(_open(core)), useChirality=True), text(molecule)
        assert fixed + points <= molecule.GetNumHeavyAtoms() <= fixed + points * LARGEST_PART
        assert "*" not in text(molecule)


def _open(core):
    """The core as a pattern, whose points are any atom."""
    molecule = Chem.MolFromSmiles(core)
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    return Chem.MolToSmarts(molecule).replace("[#0]", "*")


def test_two_points_get_different_parts_where_the_source_has_them():
    (core,), source = read_cores("c1cc([*:1])ccc1[*:2]"), parse("Clc1ccc(Br)nc1")
    made = [core.joined(source, np.random.default_rng(seed)) for seed in range(10)]
    texts = {Chem.MolToSmiles(one) for one in made}
    assert texts == {"Clc1ccc(Br)cc1"}
    (alone,) = {Chem.MolToSmiles(core.joined(parse("Clc1ccccn1"), np.random.default_rng(seed))) for seed in range(5)}
    assert alone == "Clc1ccc(Cl)cc1"


def test_a_linker_joins_two_pieces():
    made = joined("c1ccccc1[*:1].C1CCN(CC1)[*:2]", 200)
    assert made
    for molecule in made:
        assert len(Chem.GetMolFrags(molecule)) == 1
        assert molecule.HasSubstructMatch(Chem.MolFromSmarts("c1ccccc1.C1CCNCC1"))


def test_without_points_hydrogens_are_replaced_anywhere_but_at_stereocentres():
    core = "CN1CCC[C@H]1c1cccnc1"
    assert len(read_cores(core)) == 8
    whole = Chem.MolFromSmiles(core)
    made = joined(core)
    assert len({text(one) for one in made}) > 10
    for molecule in made:
        assert molecule.HasSubstructMatch(whole, useChirality=True), text(molecule)
        assert molecule.GetNumHeavyAtoms() > whole.GetNumHeavyAtoms()


def test_new_bonds_are_like_those_of_the_source():
    """A chlorine of a benzene ring is not put on an amine."""
    assert not any(one.HasSubstructMatch(Chem.MolFromSmarts("N[Cl,Br,F]")) for one in joined("C1CCN(CC1)[*:1]", 100))


@pytest.mark.parametrize(
    ("core", "message"),
    [
        ("", "Expected a core as SMILES"), ("c1cc", "Expected a core as SMILES"), ("C=*", "one single bond"),
        ("C*C", "one single bond"), ("CC.CC[*:1]", "two with an attachment point each"),
        ("[*:1]C[*:2].[*:3]C", "two with an attachment point each"), ("FC(F)(F)C(F)(F)F", "with hydrogens to replace"),
        ("C" * 400 + "*", "at most"),
    ],
)  # fmt: skip
def test_other_texts_are_errors_with_an_example(core, message):
    with pytest.raises(ConfigError, match=message):
        read_cores(core)
