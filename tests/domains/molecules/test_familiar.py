"""Molecules like known ones."""

from __future__ import annotations

import pytest
from rdkit import Chem

from sciencegen.domains.molecules.alerts import MOST, familiar_beside, unknown_environments
from tests.domains.molecules.test_environments import ODD
from tests.domains.molecules.test_reactive import DRUGS

DIAZONANE = "CCN1CCCCN(Cc2ccc(CCN3CCCC3C)nc2)CCC1"


def molecule_of(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


@pytest.mark.parametrize("name", sorted(DRUGS.keys() - {"mercaptopurine"}))  # which PubChem has as the thione
def test_drugs_are_familiar(name):
    assert familiar_beside([])(molecule_of(DRUGS[name]))


@pytest.mark.parametrize("name", ODD)
def test_odd_molecules_are_not_unless_they_are_known(name):
    odd = molecule_of(ODD[name])
    assert not familiar_beside([])(odd)
    assert familiar_beside([odd])(odd)


def test_a_ring_system_is_familiar_where_drug_like_or_known_molecules_have_it():
    molecule = molecule_of("C1CC2C3CC1NC23")
    known = molecule_of("CC1CC2C3CC1NC23")
    assert not familiar_beside([molecule_of("C1CCNCC1")])(molecule)
    assert familiar_beside([known, molecule])(molecule)


def test_a_large_ring_is_familiar_where_a_known_molecule_has_it():
    molecule = molecule_of(DIAZONANE)
    assert unknown_environments(molecule) <= MOST  # each part of it is ordinary
    assert not familiar_beside([])(molecule)
    assert not familiar_beside([molecule_of("C1CCCCNCCN1")])(molecule)
    assert familiar_beside([molecule_of("CC(=O)N1CCCCN(C)CCC1")])(molecule)
