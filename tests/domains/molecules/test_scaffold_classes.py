"""Classes of molecules: scaffolds, and how ring systems are joined."""

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules.patterns import ring_patterns, scaffolds


def molecule(smiles):
    return Chem.MolFromSmiles(smiles)


@pytest.mark.parametrize(
    ("smiles", "pattern"),
    [
        ("Cc1ccc(NS(=O)(=O)c2ccc3c(c2)CCO3)cc1", "[Ar]NS([Ar])(=O)=O"),
        ("O=C(Nc1ccccc1)C1CCNCC1", "[Ar]NC([Cy])=O"),
        ("O=C1CCCN1c1ccccc1", "[Ar][Cy]"),  # =O of a ring is no linker
        ("CC(C)(C)c1ccccc1", "[Ar]"),
        ("C1CCC2(CC1)OCCO2", "[Cy]"),  # spiro rings are one system
        ("C1CC2CCC1C2", "[Cy]"),
        ("OCCO", "O[R]O"),
        ("CCCCCCCC(=O)O", "[R]C(=O)O"),
        ("CC(=O)O", "[R]C(=O)O"),
        ("C[N+](C)(C)CCO", "[R][N+]([R])([R])[R]O"),
        ("O", "O"),
    ],
)
def test_ring_systems_and_alkyl_groups_are_nodes_and_linkers_keep_their_atoms(smiles, pattern):
    assert ring_patterns([molecule(smiles)]) == [pattern]


@pytest.mark.parametrize("groups", [
    ("Cc1cccc(S(=O)(=O)Nc2ccc3c(c2)CCO3)c1F", "Cc1ccc(S(=O)(=O)Nc2cccc3c2OCC3)cc1F", "Cc1ccncc1S(=O)(=O)Nc1cccs1"),
    ("CCO", "CC(C)CO", "C[C@H](O)CC"),
])  # fmt: skip
def test_isomers_and_other_rings_share_a_pattern(groups):
    assert len(set(ring_patterns([molecule(smiles) for smiles in groups]))) == 1


def test_linkers_tell_patterns_apart():
    joined = ["c1ccccc1C(=O)Nc1ccccc1", "c1ccccc1S(=O)(=O)Nc1ccccc1", "c1ccccc1CNc1ccccc1", "c1ccccc1-c1ccccc1"]
    assert len(set(ring_patterns([molecule(smiles) for smiles in joined]))) == 4


def test_stereoisomers_and_substituents_share_a_scaffold():
    kin = ["C[C@H](O)C1CC[C@@H](c2ccccc2)O1", "C[C@@H](O)C1CC[C@H](c2ccccc2)O1", "CC1CCC(c2ccc(Cl)cc2)O1"]
    assert set(scaffolds([molecule(smiles) for smiles in kin])) == {"c1ccc(C2CCCO2)cc1"}
    assert scaffolds([molecule("CCCC")]) == [""]


def test_molecules_of_one_scaffold_have_one_pattern(mutants):
    """A ring pattern is the coarser class, so that its limit is the stricter one."""
    pattern_of = {}
    for scaffold, pattern in zip(scaffolds(mutants), ring_patterns(mutants), strict=True):
        assert scaffold == "" or pattern_of.setdefault(scaffold, pattern) == pattern
    assert len(pattern_of) > 20


def test_the_order_of_atoms_does_not_matter(mutants):
    generator = np.random.default_rng(0)
    for one in mutants[:40]:
        shuffled = Chem.RenumberAtoms(one, generator.permutation(one.GetNumAtoms()).tolist())
        assert (scaffolds([shuffled]), ring_patterns([shuffled])) == (scaffolds([one]), ring_patterns([one]))
