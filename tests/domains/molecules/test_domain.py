"""Similarity, mutation, features, groups, pictures, structures."""

import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules import features as similarity
from sciencegen.domains.molecules.edits import alphabet, radicals
from sciencegen.domains.molecules.features import COUNT_BITS, DESCRIPTORS
from sciencegen.domains.molecules.geometry import with_structure
from sciencegen.domains.molecules.items import STEREO_BITS
from sciencegen.items import Refusal


def test_similarity_is_rdkits_tanimoto(mutants):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    left, right = mutants[:20], mutants[20:60]
    table = DOMAIN.similarity.matrix(left, right)
    assert table.shape == (20, 40)
    first, second = generator.GetFingerprint(left[3]), generator.GetFingerprint(right[5])
    assert table[3, 5] == DataStructs.TanimotoSimilarity(first, second)
    assert np.array_equal(np.diag(DOMAIN.similarity.matrix(left, left)), np.ones(20))
    assert np.array_equal(DOMAIN.similarity.matrix(left, right), DOMAIN.similarity.matrix(right, left).T)


def test_a_fingerprint_is_made_once_and_goes_with_its_molecule(monkeypatch):
    made, molecules = [], [DOMAIN.items.parse(one) for one in ("CCO", "CCN")]
    fingerprint = similarity._FINGERPRINTS.GetFingerprint
    known = WeakKeyDictionary()
    monkeypatch.setattr(similarity, "_KNOWN", known)
    counting = SimpleNamespace(GetFingerprint=lambda molecule: made.append(0) or fingerprint(molecule))
    monkeypatch.setattr(similarity, "_FINGERPRINTS", counting)
    first = DOMAIN.similarity.matrix(molecules, molecules)
    assert np.array_equal(DOMAIN.similarity.matrix(molecules, molecules), first)
    assert len(made) == len(known) == 2
    del molecules
    assert not known


def test_nearest_is_the_greatest_similarity(mutants, monkeypatch):
    monkeypatch.setattr(similarity, "CHUNK", 37)
    monkeypatch.setattr(similarity, "BLOCK", 11)
    left, right = mutants[:50], mutants[50:250]
    assert np.array_equal(DOMAIN.similarity.nearest(left, right), DOMAIN.similarity.matrix(left, right).max(axis=1))
    assert np.array_equal(DOMAIN.similarity.nearest(left, iter(right + left)), np.ones(50))
    assert np.array_equal(DOMAIN.similarity.nearest(left, []), np.zeros(50))
    assert DOMAIN.similarity.nearest([], right).shape == (0,)


def test_mutants_are_new_and_follow_from_the_seed(drugs):
    first, second = ([DOMAIN.moves.mutate(drug, np.random.default_rng(3)) for drug in drugs] for _ in range(2))
    for drug, mutant, again in zip(drugs, first, second, strict=True):
        assert not isinstance(mutant, Refusal)
        assert DOMAIN.items.key(mutant) == DOMAIN.items.key(again) != DOMAIN.items.key(drug)


def test_mutations_are_small_and_various(drugs):
    generator = np.random.default_rng(0)
    mutants = [DOMAIN.moves.mutate(drugs[0], generator) for _ in range(200)]
    keys = {DOMAIN.items.key(mutant) for mutant in mutants}
    sizes = {mutant.GetNumHeavyAtoms() for mutant in mutants}
    assert len(keys) > 50
    assert {12, 13, 14} <= sizes  # deleted, replaced, inserted
    assert np.median(DOMAIN.similarity.matrix(mutants, drugs[:1])) > 0.3
    assert not any("+1" in symbol or "-1" in symbol for symbol in alphabet())


def test_mutations_make_no_radicals():
    generator, walker = np.random.default_rng(0), DOMAIN.items.parse("CC(=O)CO[N+](=O)[O-]")
    for _ in range(300):
        mutant = DOMAIN.moves.mutate(walker, generator)
        if not isinstance(mutant, Refusal):
            assert radicals(mutant) == 0
            walker = mutant
    oxyl = DOMAIN.items.parse("CC1(C)CCCC(C)(C)N1[O]")  # TEMPO may stay one
    assert not isinstance(DOMAIN.moves.mutate(oxyl, generator), Refusal)


def test_what_selfies_cannot_write_is_refused():
    iodyl = DOMAIN.items.parse("O=I(=O)c1ccccc1")
    result = DOMAIN.moves.mutate(iodyl, np.random.default_rng(0))
    assert isinstance(result, Refusal)
    assert "SELFIES" in result.reason


def test_features_are_finite_whatever_the_molecule(mutants):
    table = DOMAIN.regression.features(
        [*mutants[:300], DOMAIN.items.parse("[Na+].[Cl-]"), DOMAIN.items.parse("C"), DOMAIN.items.parse("[Pt]")]
    )
    assert table.shape == (303, COUNT_BITS + len(DESCRIPTORS) + STEREO_BITS)
    assert table.dtype == np.float32
    assert np.isfinite(table).all()
    weight = COUNT_BITS + list(DESCRIPTORS).index("molecular_weight")
    assert table[:300, weight] == pytest.approx(DOMAIN.measure(mutants[:300], ["mw"])[:, 0], rel=1e-6)
    assert len(np.unique(table[:300], axis=0)) > 290


def test_groups_are_scaffolds():
    molecules = [DOMAIN.items.parse(smiles) for smiles in ("Cc1ccccc1", "Clc1ccccc1CCO", "CCO", "C1CCCCC1C")]
    assert DOMAIN.regression.groups(molecules) == ["c1ccccc1", "c1ccccc1", "", "C1CCCCC1"]


def test_pictures_are_svg_and_deterministic(mutants):
    for molecule in mutants[:20]:
        picture = DOMAIN.render(molecule, 200, 150)
        assert picture == DOMAIN.render(DOMAIN.items.parse(DOMAIN.items.text(molecule)), 200, 150)
        root = ElementTree.fromstring(picture)
        assert root.tag.endswith("svg")
        assert root.attrib["width"] == "200px"
    assert molecule.GetNumConformers() == 0


def test_structures_are_three_dimensional_and_follow_from_the_seed(drugs):
    first, second, other = (with_structure(drugs[0], seed) for seed in (1, 1, 2))
    assert first.failure is None
    assert first.method == "ETKDGv3 + MMFF94"
    coordinates = first.molecule.GetConformer().GetPositions()
    assert np.array_equal(coordinates, second.molecule.GetConformer().GetPositions())
    assert not np.array_equal(coordinates, other.molecule.GetConformer().GetPositions())
    assert np.ptp(coordinates, axis=0).min() > 0.5
    assert Chem.MolToSmiles(Chem.RemoveHs(first.molecule)) == DOMAIN.items.text(drugs[0])
    assert with_structure(first.molecule).method == "given"


def test_a_structure_that_cannot_be_is_a_drawing_with_the_reason():
    twisted = DOMAIN.items.parse("C[C@]12CC[C@@](C)(C1)C2")  # bridgeheads of opposite hands can't close the cage
    structure = with_structure(twisted, timeout_s=5)
    assert structure.failure
    assert structure.energy is None
    assert structure.method.startswith("flat drawing")
    assert not structure.molecule.GetConformer().Is3D()
    assert twisted.GetNumConformers() == 0
