"""Analogues of leads: changes, configurations that stay, and the window of similarity."""

import numpy as np
import pytest
from rdkit import Chem

from sciencegen import load
from sciencegen.domains.molecules import analogues
from sciencegen.domains.molecules.analogues import (
    EXCHANGES,
    LIKE,
    SUBSTITUENTS,
    Lead,
    kind_of,
    same_atoms,
    with_configurations,
)
from sciencegen.domains.molecules.features import similarity
from sciencegen.domains.molecules.items import key, parse
from sciencegen.items import Refusal

MONTELUKAST = "CC(C)(O)c1ccccc1CC[C@@H](SCC1(CC(=O)O)CC1)c1cccc(/C=C/c2ccc3ccc(Cl)cc3n2)c1"
MORPHINE = "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5"
STEROID = "C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@@]43C)[C@@H]1CC[C@@H]2O"
CHIRAL = [
    MONTELUKAST,
    MORPHINE,
    STEROID,
    "CC[C@H](C)[C@H](N)C(=O)N1CCC[C@@H]1C(=O)O",
    "C/C=C(/C)C(=O)N[C@@H](C)c1ccccc1",
]


def lead_of(smiles):
    return Lead(parse(smiles), frozenset(), lambda item: True)


def made_of(lead, window, count=30):
    generator = np.random.default_rng(2)
    found = [lead.analogue(window, generator.uniform(*window), generator) for _ in range(count)]
    return [one for one in found if not isinstance(one, Refusal)]


@pytest.mark.parametrize("where", SUBSTITUENTS)
def test_groups_join_to_atoms_of_their_kind(where):
    sites = {
        "aromatic carbon": ("c1ccccc1", 0), "azine carbon": ("c1ccncc1", 2), "amine": ("CNC", 1),
        "amide nitrogen": ("CC(=O)NC", 3), "oxygen": ("CO", 1), "ester oxygen": ("CC(=O)O", 3), "acyl": ("CC=O", 1),
        "sulfonyl": ("CS(=O)(=O)C", 1), "alkyl carbon": ("CCC", 0), "activated alkyl carbon": ("CCOC", 1),
    }  # fmt: skip
    smiles, atom = sites[where]
    molecule = Chem.MolFromSmiles(smiles)
    assert kind_of(molecule.GetAtomWithIdx(atom), 4 if where == "sulfonyl" else None) == where
    for group in filter(None, SUBSTITUENTS[where]):
        gone = (4, frozenset({4})) if where == "sulfonyl" else ()
        made = analogues._joined(molecule, atom, group, *gone)
        assert Chem.SanitizeMol(made, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE, group
        assert made.GetNumAtoms() == molecule.GetNumAtoms() + Chem.MolFromSmiles(group).GetNumAtoms() - bool(gone)
        assert not any(one.GetNumRadicalElectrons() for one in made.GetAtoms()), group


def test_every_exchange_is_applicable_and_gives_molecules(drugs):
    molecules = [*drugs, *map(parse, CHIRAL), *map(parse, EXAMPLES)]
    reactions, _ = analogues._exchanges()
    for text, reaction in zip(EXCHANGES, reactions, strict=True):
        template, good = reaction.GetReactantTemplate(0), 0
        for molecule in molecules:
            if match := molecule.GetSubstructMatch(template):
                made = analogues._reacted(molecule, reaction, set(match))
                good += made is not None and not Chem.SanitizeMol(made, catchErrors=True)
        assert good, text


EXAMPLES = [
    "Cc1ccc(F)cc1Cl", "COc1ccccc1C#N", "Cn1cccc1", "c1ccsc1", "c1ccoc1", "CSc1ccccc1", "CCSCC", "CNC(=O)c1ccccc1",
    "CNS(=O)(=O)c1ccccc1", "COC(=O)CC", "CC(=O)O", "CCC(N)=O", "C1CCCCC1", "C1CCOCC1", "CN1CCCCC1", "CC(C)(C)CC",
    "CC(C)CC", "CCO", "NCC", "c1ccccc1CCN", "COC(F)F", "CNc1ccccc1", "C1CCC1", "c1ccccc1CN1CCCC1", "COCC",
    "CC(=O)Nc1ccccc1", "c1ccc(OC)cc1", "c1cc[nH]c1",
]  # fmt: skip


@pytest.mark.parametrize("smiles", ["CCCCN", "CC(=O)Nc1ccc(O)cc1", *CHIRAL])
def test_analogues_are_in_the_window_and_spread_in_it(smiles):
    lead, window = lead_of(smiles), (0.45, 0.75)
    alike = [lead.similarity(one) for one in made_of(lead, window)]
    assert len(alike) > 10
    assert min(alike) >= 0.45
    assert max(alike) <= 0.75
    if lead.molecule.GetNumAtoms() > 15:
        assert np.ptp(alike) > 0.15


@pytest.mark.parametrize("smiles", CHIRAL)
@pytest.mark.long
def test_analogues_of_the_mirror_image_are_the_mirror_images(smiles):
    def mirrored(molecule):
        other = Chem.Mol(molecule)
        for atom in other.GetAtoms():
            atom.InvertChirality()
        return parse(Chem.MolToSmiles(other))

    lead, window = lead_of(smiles), (0.45, 0.8)
    other = Lead(Chem.RenumberAtoms(lead.molecule, list(range(lead.molecule.GetNumAtoms()))), frozenset(), lead.accept)
    for atom in other.molecule.GetAtoms():
        atom.InvertChirality()
    pairs = zip(made_of(lead, window), made_of(other, window), strict=True)
    assert all(key(mirrored(one)) == key(two) for one, two in pairs)


@pytest.mark.parametrize("smiles", CHIRAL)
def test_configurations_are_set_again(smiles):
    lead = parse(smiles)
    flat = Chem.Mol(lead)
    Chem.RemoveStereochemistry(flat)
    order = np.random.default_rng(4).permutation(flat.GetNumAtoms()).tolist()
    flat = Chem.MolFromSmiles(Chem.MolToSmiles(Chem.RenumberAtoms(flat, order)))
    again = with_configurations(lead, flat, same_atoms(lead, flat))
    assert Chem.MolToSmiles(again) == key(lead)


def test_a_group_in_place_of_another_takes_its_side():
    lead = parse("C[C@H](N)c1ccccc1")
    made = Chem.MolFromSmiles("CC(O)c1ccccc1")
    again = with_configurations(lead, made, {0: 0, 1: 1, **{at: at for at in range(3, 9)}})
    assert Chem.MolToSmiles(again) == "C[C@H](O)c1ccccc1"


def test_fixed_atoms_stay():
    lead = Lead(parse("CC(=O)Nc1ccc(O)cc1"), frozenset(range(4)), lambda item: True)
    for one in made_of(lead, (0.3, 0.8)):
        assert one.HasSubstructMatch(Chem.MolFromSmarts("CC(=O)N"))


def test_the_same_seed_gives_the_same_analogues():
    first, second = ([key(one) for one in made_of(lead_of(MORPHINE), (0.4, 0.8), 8)] for _ in range(2))
    assert first == second


@pytest.mark.long
def test_neighbours_in_the_latent_space_are_as_alike_as_the_radius_says():
    lead = "C#Cc1cccc(Nc2ncnc3cc(OCCOC)c(OCCOC)cc23)c1"
    space = load("molecules", device="cpu")
    for radius in (0.3, 0.6):
        near = space.neighbours(lead, 5, radius)
        assert len({lead, *near}) == 6
        alike = similarity([parse(one) for one in near], [parse(lead)])[:, 0]
        assert np.abs(alike - (1 - radius)).max() <= LIKE
        steps = np.linalg.norm(space.encode(near) - space.encode(lead), axis=1)
        assert (np.diff(steps) >= -1e-3).all()  # the nearest first
        assert space.neighbours(lead, 5, radius) == near
