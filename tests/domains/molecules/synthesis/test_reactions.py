import pytest
from rdkit import Chem

from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.synthesis.routes import reactions, reactions_by_name, slots_of
from sciencegen.items import Refusal
from tests.domains.molecules.synthesis.stocks import BLOCKS

MADE = {
    "acylation_nitrogen": ("CC(=O)O", "NCc1ccccc1", "CC(=O)NCc1ccccc1"),
    "suzuki": ("OB(O)c1ccccc1", "Brc1ccncc1", "c1ccc(-c2ccncc2)cc1"),
    "reductive_amination": ("O=Cc1ccccc1", "C1COCCN1", "c1ccc(CN2CCOCC2)cc1"),
    "sulfonamide": ("CS(=O)(=O)Cl", "C1CCNCC1", "CS(=O)(=O)N1CCCCC1"),
    "urea": ("O=C=Nc1ccccc1", "CNC", "CN(C)C(=O)Nc1ccccc1"),
    "buchwald_hartwig": ("Fc1ccc(Br)cc1", "C1COCCN1", "Fc1ccc(N2CCOCC2)cc1"),
    "mitsunobu_phenol": ("OCc1ccccc1", "Oc1ccc(F)cc1", "Fc1ccc(OCc2ccccc2)cc1"),
    "hantzsch_thiazole": ("CC(Br)C(=O)c1ccccc1", "NC(=S)c1ccccc1", "Cc1sc(-c2ccccc2)nc1-c1ccccc1"),
    "heteroaryl_substitution": ("Clc1ncccn1", "CN1CCNCC1", "CN1CCN(c2ncccn2)CC1"),
    "fischer_indole": ("NNc1ccccc1", "CCC(=O)CC", "CCc1[nH]c2ccccc2c1C"),
}
"""Reaction -> two reactants and their product, as textbooks have them."""


@pytest.mark.parametrize("name", MADE)
def test_products_of_textbooks(name):
    *reactants, product = MADE[name]
    made = reactions_by_name()[name].product([parse(one) for one in reactants])
    assert not isinstance(made, Refusal), made
    assert text(made) == text(parse(product))


def test_table_of_templates():
    assert len(reactions()) == len(reactions_by_name()) == 91
    assert [one.index for one in reactions()] == list(range(91))
    assert {len(one.reactants) for one in reactions()} == {1, 2}
    assert not any(mark in name for name in reactions_by_name() for mark in " :|+>")


def test_screen_misses_no_slot():
    for molecule in map(parse, BLOCKS):
        every = [
            slot
            for reaction in reactions()
            for slot, pattern in zip(reaction.slots, reaction.reactants, strict=True)
            if molecule.HasSubstructMatch(pattern)
        ]
        assert list(slots_of(molecule)) == every


def test_two_places_give_no_product():
    made = reactions_by_name()["suzuki"].product([parse("OB(O)c1ccccc1"), parse("Cc1ccc(Br)cc1Br")])
    assert made == Refusal("suzuki gives 2 products")


def test_equal_places_give_one_product():
    made = reactions_by_name()["suzuki"].product([parse("OB(O)c1ccccc1"), parse("Brc1ccc(Br)cc1")])
    assert text(made) == "Brc1ccc(-c2ccccc2)cc1"


def test_products_are_standard_molecules():
    made = reactions_by_name()["acylation_nitrogen"].product([parse("OC(=O)c1ccccc1"), parse("CNC")])
    assert text(made) == Chem.CanonSmiles(text(made))
    assert not any(atom.GetAtomMapNum() or atom.GetIsotope() for atom in made.GetAtoms())
