"""Atom environments that no known molecule has."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import MOST, environments, unknown_environments
from tests.domains.molecules.test_reactive import DRUGS

ODD = {
    "cycloheptatriene beside an amidoxime": "NC(=NO)C1=CC=CC(F)=CC1",
    "imine with a fluoromethyl group": "O=C(CC(=O)N1CC(Cl)C1C(=NCF)c1ccccc1)c1ccccc1",
    "alkoxyamine at an acetal": "CNc1ccc(C(NS(=O)(=O)c2ccccc2)N(C)N(C)OC)cc1",
}


def molecule_of(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


@pytest.mark.parametrize("name", ODD)
def test_odd_molecules_are_not_unless_they_are_known(name):
    odd = molecule_of(ODD[name])
    assert unknown_environments(odd) > MOST
    assert unknown_environments(odd, environments(odd)) == 0


def test_the_order_of_atoms_does_not_matter():
    odd, generator = molecule_of(ODD["alkoxyamine at an acetal"]), np.random.default_rng(0)
    other = Chem.RenumberAtoms(odd, generator.permutation(odd.GetNumAtoms()).tolist())
    assert environments(other) == environments(odd)


def test_known_molecules_only_lower_the_count():
    odd, part = molecule_of(ODD["imine with a fluoromethyl group"]), molecule_of("CC(=NCF)C")
    assert 0 < unknown_environments(odd, environments(part)) <= unknown_environments(odd)


def test_scores_count_them():
    odd, drug = molecule_of(ODD["alkoxyamine at an acetal"]), molecule_of(DRUGS["aspirin"])
    scores = DOMAIN.oracles.find("unknown_environments").score([odd, drug])
    assert [score.value for score in scores] == [unknown_environments(odd), 0]
