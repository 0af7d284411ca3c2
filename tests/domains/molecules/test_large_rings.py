"""Rings of eight or more atoms."""

from __future__ import annotations

import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import large_ring_texts, large_rings

COUNTS = {
    "CC1CCCN1CCc1ccccc1": 0,
    "C1CCCCCC1": 0,
    "C1CCCCCCC1": 1,
    "CCN1CCCCN(CC)CCC1": 1,
    "C1CC2CCC1CC2": 0,  # its smallest rings have six atoms
    "C1CCCCCCCCCCCCC1.C1CCCCCCCC1": 2,
}


@pytest.mark.parametrize("smiles", COUNTS)
def test_rings_of_eight_or_more_atoms_count(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    assert large_rings(molecule) == len(list(large_ring_texts(molecule))) == COUNTS[smiles]
    assert DOMAIN.oracles.find("large_rings").score([molecule])[0].value == COUNTS[smiles]


def test_a_ring_is_told_by_its_atoms_and_bonds_alone():
    decorated, bare, other, unsaturated = (
        list(large_ring_texts(Chem.MolFromSmiles(smiles)))
        for smiles in ("C[C@H]1CCCN(CC)CCCN1", "C1CCCNCCCN1", "C1CCNCCNCC1", "C1=CCCNCCCN1")
    )
    assert decorated == bare
    assert len({*bare, *other, *unsaturated}) == 3
