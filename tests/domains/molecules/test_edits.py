"""Graph edits: children are other molecules, follow from the seed, and odd molecules give a reason at worst."""

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.edits import EDIT_SHARES, EDITS, edit, kekulized
from sciencegen.items import Refusal
from tests.domains.molecules.test_recombination import ODD


def test_edited_molecules_are_new_and_follow_from_the_seed(drugs):
    for drug in drugs:
        first, second = (edit(drug, np.random.default_rng(3)) for _ in range(2))
        assert not isinstance(first, Refusal)
        assert DOMAIN.items.key(first) == DOMAIN.items.key(second) != DOMAIN.items.key(drug)
        assert DOMAIN.items.key(DOMAIN.items.parse(DOMAIN.items.text(first))) == DOMAIN.items.key(first)


def test_edits_are_small_and_various(drugs):
    generator = np.random.default_rng(0)
    edited = [edit(drugs[0], generator) for _ in range(200)]
    sizes = {molecule.GetNumHeavyAtoms() for molecule in edited}
    assert len({DOMAIN.items.key(molecule) for molecule in edited}) > 80
    assert {12, 13, 14} <= sizes
    assert np.median(DOMAIN.similarity.matrix(edited, drugs[:1])) > 0.4


@pytest.mark.parametrize("kind", EDITS, ids=lambda kind: kind.__name__)
def test_every_kind_of_edit_makes_molecules(kind, drugs):
    generator, made = np.random.default_rng(1), set()
    for drug in drugs * 5:
        graph = kekulized(drug)
        if kind(graph, generator) and not Chem.DetectChemistryProblems(graph):
            Chem.SanitizeMol(graph)
            made.add(Chem.MolToSmiles(graph))
    assert len(made - {DOMAIN.items.key(drug) for drug in drugs}) > 10


def test_a_kekule_form_is_the_same_molecule(mutants):
    for molecule in mutants[:300]:
        graph = kekulized(molecule)
        Chem.SanitizeMol(graph)
        assert Chem.MolToSmiles(graph) == DOMAIN.items.key(molecule)


def test_shares_are_shares():
    assert sum(EDIT_SHARES) == pytest.approx(1)


@pytest.mark.parametrize("text", ODD)
def test_odd_molecules_give_a_molecule_or_a_reason(text):
    molecule = DOMAIN.items.parse(text)
    for seed in range(20 * (not isinstance(molecule, Refusal))):
        child = DOMAIN.moves.edit(molecule, np.random.default_rng(seed))
        assert child.reason if isinstance(child, Refusal) else child.GetNumHeavyAtoms() > 0
