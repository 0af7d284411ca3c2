"""Real structures are as good as real ones, shaken ones are not, and the graph in a file is no help."""

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.base import Refusal
from sciencegen.domains.molecules.structure_files import parse_structure
from sciencegen.domains.molecules.structure_metrics import evaluate_structures
from sciencegen.errors import DataError


@pytest.fixture(scope="module")
def texts(qm9_rows):
    return [row.text for row in qm9_rows[:200]]


def shaken(text, by, generator):
    """The structure as a molfile, bonds included, with noise on its coordinates (ångström)."""
    molecule = parse_structure(text)
    if isinstance(molecule, Refusal):
        return text
    positions = molecule.GetConformer().GetPositions()
    molecule.GetConformer().SetPositions(positions + by * generator.standard_normal(positions.shape))
    return Chem.MolToMolBlock(molecule)


def test_real_structures_are_as_real_ones(texts):
    found = evaluate_structures(texts, texts, texts[:100])
    assert found["stable_atoms"] > 0.98
    assert found["stable_molecules"] > 0.9
    assert found["connected"] > 0.97
    assert found["lengths"] == found["angles"] == found["dihedrals"] == 0
    assert found["strain"] == found["reference_strain"]
    assert found["posebusters"] > 0.95
    assert found["count_posebusters"] == found["count_connected"]
    assert found["novelty"] == pytest.approx(0.5, abs=0.03)


def test_noise_costs_every_metric_whatever_bonds_the_file_states(texts):
    generator = np.random.default_rng(0)
    real, noisy = (
        evaluate_structures([shaken(text, by, generator) for text in texts[:80]], texts) for by in (0.0, 0.1)
    )
    for name in ("stable_atoms", "stable_molecules", "connected", "posebusters"):
        assert noisy[name] < real[name] - 0.02
    for name in ("lengths", "angles", "strain"):
        assert noisy[name] > 2 * real[name]


def test_nothing_to_judge_is_an_error():
    with pytest.raises(DataError, match="got none"):
        evaluate_structures([], ["x"])
