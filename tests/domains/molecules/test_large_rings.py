"""Rings of eight or more atoms."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.api.sampling.judge import Judge, split_rows
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


NONE, EIGHT, NINE = "CCOCCN", "C1CCCNCCC1", "C1CCCCNCCC1"


def accepted(recipe, representation, plausible=True):
    """Which of `NONE`, `EIGHT` and `NINE` are accepted as draws of a model with this representation."""
    judge = Judge("molecules", recipe, json.dumps(representation.to_json()), (), (), (), plausible)
    encoded = representation.encode([DOMAIN.items.parse(smiles) for smiles in (NONE, EIGHT, NINE)])
    return [one.accepted for one in judge(split_rows(representation.batch(encoded)))]


@pytest.mark.parametrize("recipe", ["smiles-vae", "selfies-vae"])
def test_draws_of_a_tuned_model_have_large_rings_of_sizes_that_it_was_tuned_on(recipe):
    own = DOMAIN.recipes[recipe]
    fitted = own.fit([NONE, EIGHT, NINE], np.ones((3, 0)), ())
    assert accepted(recipe, fitted) == [True, True, True]
    one = own.adaptation.adapt_representation(fitted, [NONE], np.ones((1, 0)), ())
    assert accepted(recipe, one) == [True, False, False]
    assert accepted(recipe, one, plausible=False) == [True, True, True]
    other_ring = "CC1COCCCNC1"
    again = own.adaptation.adapt_representation(one, [NONE, other_ring], np.ones((2, 0)), ())
    assert accepted(recipe, again) == [True, True, False]
    third = own.adaptation.adapt_representation(again, [NINE], np.ones((1, 0)), ())
    assert accepted(recipe, third) == [True, True, True]
