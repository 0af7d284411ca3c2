"""Molecules between two that share a core hold it, with the stereochemistry of what is unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules.alerts import is_plausible
from sciencegen.domains.molecules.items import key, parse
from sciencegen.domains.molecules.paths import Whole, exchanged, finished, shared_core
from sciencegen.items import Refusal

GEFITINIB = "COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1"
ERLOTINIB = "C#Cc1cccc(Nc2ncnc3cc(OCCOC)c(OCCOC)cc23)c1"
PAIRS = {
    "double bonds and substituents": (
        "CO/N=C(\\C(=O)N[C@@H]1C(=O)N2C(C(=O)O)=C(COC(C)=O)CS[C@H]12)c1csc(N)n1",
        "CO/N=C(\\C(=O)N[C@@H]1C(=O)N2C(C(=O)O)=C(COC(N)=O)CS[C@H]12)c1ccco1",
    ),
    "a chain in place of hydrogens": (
        "CCOC(=O)[C@H](CCc1ccccc1)N[C@@H](C)C(=O)N1CCC[C@H]1C(=O)O",
        "NCCCC[C@H](N[C@@H](CCc1ccccc1)C(=O)O)C(=O)N1CCC[C@H]1C(=O)O",
    ),
    "a centre that one of them lacks": (
        "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
        "CC1(C)S[C@@H]2[C@H](NC(=O)[C@H](N)c3ccc(O)cc3)C(=O)N2[C@H]1C(=O)O",
    ),
    "a ring in place of two groups": (
        "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
        "C[C@H]1COc2c(N3CCN(C)CC3)c(F)cc3c(=O)c(C(=O)O)cn1c23",
    ),
    "parts of rings": ("CN(C)CCC=C1c2ccccc2CCc2ccccc21", "CN(C)CCCN1c2ccccc2CCc2ccc(Cl)cc21"),
    "sulfoxides": (
        "COc1ccc2[nH]c([S@](=O)Cc3ncc(C)c(OC)c3C)nc2c1", "Cc1c(OCC(F)(F)F)ccnc1C[S@@](=O)c1nc2ccccc2[nH]1",
    ),
    "centres of the core": (
        "OC[C@H]1O[C@@H](c2ccc(Cl)c(Cc3ccc(O[C@H]4CCOC4)cc3)c2)[C@H](O)[C@@H](O)[C@@H]1O",
        "Cc1ccc([C@@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2O)cc1Cc1ccc(-c2ccc(F)cc2)s1",
    ),
}  # fmt: skip


def core_of(first, second):
    found = shared_core(parse(first), parse(second))
    assert not isinstance(found, Refusal), found.reason
    return found


@pytest.mark.parametrize(("first", "second"), PAIRS.values(), ids=PAIRS)
@pytest.mark.long
def test_with_all_groups_of_the_other_a_molecule_is_the_other(first, second):
    shared = core_of(first, second)
    for base, other, text in ((shared.start, shared.end, second), (shared.end, shared.start, first)):
        made = base
        for unit in shared.units:
            made = shared._swapped(made, other, unit)
        assert key(finished(made)) == key(parse(text))


@pytest.mark.parametrize("order", range(4))
def test_exchange_for_the_same_group_changes_nothing(order):
    text = "C[C@@H](O)[C@H](F)/C=C/[C@](C)(N)Cl"
    molecule = Chem.AddHs(parse(text))
    for bond in molecule.GetBonds():
        bond.SetBondDir(Chem.BondDir.NONE)
    molecule = Chem.RenumberAtoms(molecule, np.random.default_rng(order).permutation(molecule.GetNumAtoms()).tolist())
    atoms = range(molecule.GetNumAtoms())
    for bond in molecule.GetBonds():
        if bond.GetBondTypeAsDouble() > 1:
            continue
        pieces = Chem.GetMolFrags(Chem.FragmentOnBonds(molecule, [bond.GetIdx()], addDummies=False))
        lost = set(pieces[order % 2])
        places = {atom: atom for atom in atoms if atom not in lost}
        again = exchanged(Whole(molecule, ()), lost, molecule, lost, places)
        assert key(finished(again)) == key(parse(text))


@pytest.mark.long
def test_molecules_between_hold_the_core_and_nothing_new_on_it():
    shared = core_of(GEFITINIB, ERLOTINIB)
    assert shared.text == "CCOc1cc2c(Nc3ccccc3)ncnc2cc1OC"
    made = shared.between(np.random.default_rng(0))
    texts = [key(molecule) for molecule, _ in made]
    assert len(set(texts)) == len(texts) > 100
    assert not {key(parse(GEFITINIB)), key(parse(ERLOTINIB))} & set(texts)
    only = Chem.MolFromSmarts("[cH]1nc2[cH]c(O)c(O)[cH]c2c([NH]c2[cH]ccc[cH]2)n1")
    assert all(molecule.HasSubstructMatch(only) and is_plausible(molecule) for molecule, _ in made)
    assert min(against for _, against in made) >= 0
    whole = key(parse("C#Cc1cccc(Nc2ncnc3cc(OC)c(OCCCN4CCOCC4)cc23)c1"))  # gefitinib with erlotinib's aniline
    assert dict(zip(texts, (against for _, against in made), strict=True))[whole] < 0.1


@pytest.mark.long
def test_one_seed_gives_the_same_molecules():
    once, again = (core_of(GEFITINIB, ERLOTINIB).between(np.random.default_rng(3)) for _ in range(2))
    assert [(key(molecule), against) for molecule, against in once] == [
        (key(molecule), against) for molecule, against in again
    ]


def test_molecules_of_a_model_are_taken_if_they_hold_the_core():
    shared = core_of("Cc1ccc(C(=O)NC)cc1", "Clc1ccc(C(=O)NCCO)cc1")
    drawn = [parse("CCCNC(=O)c1ccc(Br)cc1"), parse("CCCNC(=O)c1ccc(Br)nc1"), parse("CNC(=O)c1ccc(C)cc1")]
    texts = [key(molecule) for molecule, _ in shared.between(np.random.default_rng(0), drawn)]
    assert [key(one) in texts for one in drawn] == [True, False, False]


def test_groups_that_the_two_have_themselves_are_no_reason_to_leave_molecules_out():
    shared = core_of("O=CCc1ccc(C(=O)NC)cc1", "O=CCc1ccc(C(=O)NCCO)cc1")
    assert not is_plausible(parse("O=CCc1ccc(C(=O)NC)cc1"))
    assert shared.between(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("first", "second", "size"),
    [
        ("CCO", "c1ccccc1O", None),
        ("CCCCCCCC", "CCCCCCCCC", None),
        ("c1ccccc1CCCCCCCCCCCCCCCC", "c1ccccc1OC2CC3CCC2(C)C3(C)CCCCCCCC", None),
        ("Cc1ccccc1", "Clc1ccccc1", 6),
        (GEFITINIB, ERLOTINIB, 22),
        ("CN(C)CCC=C1c2ccccc2CCc2ccccc21", "CN(C)CCCN1c2ccccc2CCc2ccccc21", 14),
        ("CNC(NCCSCc1ccc(CN(C)C)o1)=C[N+](=O)[O-]", "CNC(NCCSCc1csc(CN(C)C)n1)=C[N+](=O)[O-]", 12),
    ],
)
def test_a_core_is_what_a_chemist_would_name(first, second, size):
    found = shared_core(parse(first), parse(second))
    assert (None if isinstance(found, Refusal) else found.query.GetNumAtoms()) == size


def test_why_there_is_no_core():
    assert shared_core(parse("CCO"), parse("c1ccccc1O")).reason == "their largest common part has 1 of 3 heavy atoms"


def test_parts_of_aromatic_rings_are_no_core():
    """A pyrrole and a pyrimidine, both with an isopropyl group between carbon and nitrogen."""
    atorvastatin = "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O"
    rosuvastatin = "CC(C)c1nc(N(C)S(C)(=O)=O)nc(-c2ccc(F)cc2)c1/C=C/[C@@H](O)C[C@@H](O)CC(=O)O"
    found = shared_core(parse(atorvastatin), parse(rosuvastatin))
    assert isinstance(found, Refusal)
    assert found.reason == "their largest common part has 15 of 33 heavy atoms"
