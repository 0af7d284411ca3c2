"""Real structures are as good as real ones, shaken ones are not, and the graph in a file is no help."""

from itertools import islice

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules import structure_metrics as module
from sciencegen.domains.molecules.geometry import with_structure
from sciencegen.domains.molecules.structure_files import atoms_of, parse_structure, structure_text, xyz_block
from sciencegen.domains.molecules.structure_metrics import edm_smiles, evaluate_structures
from sciencegen.errors import DataError
from sciencegen.items import Refusal


@pytest.fixture(scope="module")
def texts(qm9_rows):
    return [row.text for row in qm9_rows[:120]]


def shaken(text, by, generator):
    """The structure as a molfile, bonds included, with noise on its coordinates (ångström)."""
    molecule = parse_structure(text)
    if isinstance(molecule, Refusal):
        return text
    positions = molecule.GetConformer().GetPositions()
    molecule.GetConformer().SetPositions(positions + by * generator.standard_normal(positions.shape))
    return Chem.MolToMolBlock(molecule)


@pytest.mark.long
def test_real_structures_are_as_real_ones(texts):
    texts = [text for text in texts if not isinstance(parse_structure(text), Refusal)]  # of the SMILES they bring along
    texts = texts[:60]
    found = evaluate_structures(texts, texts, texts[: len(texts) // 2])
    assert found["stable_atoms"] > 0.98
    assert found["stable_molecules"] > 0.9
    assert found["connected"] > 0.97
    assert found["lengths"] == found["angles"] == found["dihedrals"] == 0
    assert found["strain"] == found["reference_strain"]
    assert found["posebusters"] > 0.95
    assert found["count_posebusters"] == found["count_connected"]
    assert found["novelty"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.long
def test_noise_costs_every_metric_whatever_bonds_the_file_states(texts):
    generator = np.random.default_rng(0)
    real, noisy = (
        evaluate_structures([shaken(text, by, generator) for text in texts[:60]], texts) for by in (0.0, 0.1)
    )
    for name in ("stable_atoms", "stable_molecules", "connected", "posebusters"):
        assert noisy[name] < real[name] - 0.02
    for name in ("lengths", "angles", "strain"):
        assert noisy[name] > 2 * real[name]


def xyz(text, by=0.0, generator=None):
    """The structure as an XYZ block, perhaps with noise (ångström)."""
    molecule = parse_structure(text)
    if by:
        positions = molecule.GetConformer().GetPositions()
        molecule.GetConformer().SetPositions(positions + by * generator.standard_normal(positions.shape))
    return xyz_block(molecule)


@pytest.mark.long
def test_broken_samples_stay_in_the_denominators(texts):
    """Bonds that can't be perceived, atoms in one place, nothing at all: none is stable, and none is left out."""
    generator = np.random.default_rng(0)
    stable = (text for text in texts[:40] if evaluate_structures([text], texts[:40])["stable_molecules"] == 1)
    alone = list(islice(stable, 10))
    good, shaken_ones = [xyz(text) for text in alone], [xyz(text, 0.2, generator) for text in alone]
    assert any(isinstance(parse_structure(text), Refusal) for text in shaken_ones)
    shares = [evaluate_structures([text], texts[:40])["stable_molecules"] for text in shaken_ones]
    found = evaluate_structures(good + shaken_ones, texts[:40])
    assert found["stable_molecules"] == pytest.approx((10 + sum(shares)) / 20)
    broken = ["2\n\nH 0 0 0\nH 0 0 0", "1\n\nH 0 0 nan", "0\n\n", "CCO", "C" * 9 + " |(x)|", ""]
    found = evaluate_structures([*good, *broken], texts[:40])
    assert found["valid"] == found["connected"] == found["stable_molecules"] == pytest.approx(10 / 16)


def test_a_graph_that_is_no_molecule_is_judged_by_its_coordinates(texts):
    """Hydrogens with a double bond between them, over the coordinates of ethane."""
    ethane = with_structure(Chem.MolFromSmiles("CC")).molecule
    wrong = Chem.RWMol(ethane)
    wrong.AddBond(2, 3, Chem.BondType.DOUBLE)
    for text in (Chem.MolToMolBlock(wrong), structure_text(wrong)):
        assert isinstance(parse_structure(text), Refusal)
        assert sorted(atoms_of(text).numbers.tolist()) == [1, 1, 1, 1, 1, 1, 6, 6]
        assert evaluate_structures([text], texts)["stable_molecules"] == 1
    skeleton = Chem.RemoveHs(with_structure(Chem.MolFromSmiles("c1ccccc1")).molecule)
    for text in (Chem.MolToMolBlock(skeleton), structure_text(skeleton)):
        assert atoms_of(text) == Refusal("its hydrogens have no coordinates")
    assert isinstance(atoms_of(Chem.MolToMolBlock(Chem.MolFromSmiles("CC"))), Refusal)
    assert atoms_of(Chem.MolToMolBlock(with_structure(Chem.MolFromSmiles("[NH4+]")).molecule)).charges.sum() == 1


def atoms(*lines):
    """An XYZ block."""
    return "\n".join([str(len(lines)), "", *lines])


METHANE = ("C 0 0 0", "H .63 .63 .63", "H -.63 -.63 .63", "H -.63 .63 -.63", "H .63 -.63 -.63")
FAR = ("O 9 0 0", "H 9.96 0 0", "H 8.76 .93 0")


@pytest.mark.parametrize(
    ("lines", "smiles", "stable"),
    [
        (METHANE, "[H]C([H])([H])[H]", True),
        ((*METHANE, "H 0 0 1.09"), None, False),
        (METHANE[:3], "[H]C[H]", False),  # RDKit adds the two hydrogens that have no coordinates
        ((*FAR, *METHANE), "[H]C([H])([H])[H]", True),
        (("C 0 0 0", "O 0 0 1.13"), None, False),  # a triple bond, and no charges by this rule
    ],
)
def test_edm_validity_is_what_rdkit_accepts_with_the_bonds_of_the_distances(texts, lines, smiles, stable):
    assert edm_smiles(atoms_of(atoms(*lines))) == smiles
    found = evaluate_structures([atoms(*lines)], texts)
    assert (found["edm_valid"], found["stable_molecules"]) == (smiles is not None, stable)


def test_edm_validity_and_uniqueness_are_shares_of_all_samples(texts):
    found = evaluate_structures([atoms(*METHANE), atoms(*FAR), atoms(*FAR, *METHANE), ""], texts)
    assert (found["edm_valid"], found["edm_valid_unique"]) == (0.75, 0.5)
    assert "edm_valid" not in evaluate_structures([atoms("S 0 0 0", "H 0 0 1.34", "H 1.34 0 0")], texts)


def test_reference_strain_is_of_evenly_spaced_ones(texts, monkeypatch):
    """A file that is sorted by size has small molecules, with little strain, at its head."""
    judged = []
    monkeypatch.setattr(module, "strain_energies", lambda some: judged.append(list(some)) or np.zeros(1))
    evaluate_structures(texts[:5], texts[:100])
    last = parse_structure(next(text for text in reversed(texts[:100]) if parse_structure(text)))
    assert Chem.MolToSmiles(judged[1][-1]) == Chem.MolToSmiles(last)
    assert len(judged[1]) == len(judged[0])


def test_nothing_to_judge_is_an_error():
    with pytest.raises(DataError, match="got none"):
        evaluate_structures([], ["x"])
