"""What regressors see of a molecule."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.features import COUNT_BITS, DESCRIPTORS, features
from sciencegen.domains.molecules.items import STEREO_BITS


def column(table, name):
    return table[:, COUNT_BITS + list(DESCRIPTORS).index(name)]


@pytest.fixture(scope="module")
def table(mutants):
    return features(mutants)


@pytest.mark.parametrize(
    ("name", "elements"),
    [("nitrogens", "N"), ("oxygens", "O"), ("sulfurs", "S"), ("halogens", ("F", "Cl", "Br", "I"))],
)
def test_counts_are_counts_of_atoms(table, mutants, name, elements):
    expected = [sum(atom.GetSymbol() in elements for atom in molecule.GetAtoms()) for molecule in mutants]
    assert column(table, name).tolist() == expected
    assert max(expected) > 2


def test_counts_tell_elements_with_the_same_first_letter_and_read_charges_and_isotopes():
    molecules = [Chem.MolFromSmiles(s) for s in ("[Na+].[Na+].[O-]S[O-]", "[15NH4+]", "[Si](C)(C)C", "OCCCCCCCCCCCO")]
    table = features(molecules)
    assert column(table, "nitrogens").tolist() == [0, 1, 0, 0]
    assert column(table, "oxygens").tolist() == [2, 0, 0, 2]
    assert column(table, "sulfurs").tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("logp", Crippen.MolLogP),
        ("molar_refractivity", Crippen.MolMR),
        ("molecular_weight", Descriptors.MolWt),
        ("rotatable_bonds", rdMolDescriptors.CalcNumRotatableBonds),
    ],
)
def test_descriptors_equal_rdkit(table, mutants, name, function):
    expected = np.array([function(Chem.MolFromSmiles(DOMAIN.items.text(molecule))) for molecule in mutants], np.float32)
    assert np.allclose(column(table, name), expected, rtol=1e-6, atol=1e-5)


def test_fingerprints_are_morgan_counts(table, mutants):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=COUNT_BITS)
    for row, molecule in zip(table[:100], mutants[:100], strict=True):
        counts = generator.GetCountFingerprint(molecule).GetNonzeroElements()
        assert {bit: int(row[bit]) for bit in np.flatnonzero(row[:COUNT_BITS]).tolist()} == counts


def test_always_finite_and_a_row_each(table, mutants):
    assert table.shape == (len(mutants), COUNT_BITS + len(DESCRIPTORS) + STEREO_BITS)
    assert table.dtype == np.float32
    assert np.isfinite(table).all()
    assert features([]).shape == (0, table.shape[1])


def test_earlier_features_are_the_first_columns(table, mutants):
    """Predictors of version 0.1.0 are asked with them."""
    ((size, make),) = DOMAIN.regression.earlier.items()
    assert size == 2075
    assert np.array_equal(make(mutants[:100]), table[:100, :size])


def test_equal_alone_and_asked_again(table, mutants):
    assert np.array_equal(features(mutants[7:8]), table[7:8])
